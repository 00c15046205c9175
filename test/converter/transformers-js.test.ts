/** `--layout transformers.js`: the folder loads in stock transformers.js, unchanged, and says the same there. */
import { mkdtempSync, openAsBlob } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { env, Qwen2_5_VLForConditionalGeneration, Tensor } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import type { Dtype } from '../../src/converter/precision.ts';
import { prepareImage } from '../../src/engine/image/resolutions.ts';
import { nodeFolder, nodeSink } from '../../src/io/node/node-folder.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { openParts, readGolden, TINY_NAMES, tinyCheckpoint, tinyImage } from '../helpers/tiny-model.ts';

const GREEDY_TOKENS = 64;
const signal = new AbortController().signal;

async function convertForBoth(name: string, dtype: Dtype): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), `visionthink-stock-${name}-`));
  await convertCheckpoint(nodeFolder(tinyCheckpoint(name)), nodeSink(out), { dtype, layout: 'transformers.js' });
  return out;
}

/** Greedy ids of stock transformers.js for a prompt with one image. */
async function stockGreedy(
  folder: string,
  dtype: Dtype,
  ids: readonly number[],
  pixelValues: Float32Array,
  grid: readonly number[],
): Promise<number[]> {
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  const model = await Qwen2_5_VLForConditionalGeneration.from_pretrained(basename(folder), { dtype, device: 'cpu' });
  const patches = grid.reduce((a, b) => a * b, 1);
  const output = await model.generate({
    input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
    pixel_values: new Tensor('float32', pixelValues, [patches, pixelValues.length / patches]),
    image_grid_thw: new Tensor('int64', BigInt64Array.from(grid, BigInt), [1, 3]),
    max_new_tokens: GREEDY_TOKENS,
    do_sample: false,
  });
  await model.dispose();
  if (!(output instanceof Tensor)) throw new TypeError('generate() gave no tensor');
  return Array.from(output.data as BigInt64Array, Number).slice(ids.length);
}

describe.each(TINY_NAMES)('%s', (name) => {
  it.each(['fp32', 'q8'] as const)('as %s gives the same tokens in both engines', async (dtype) => {
    const golden = readGolden(name).cases[0];
    if (golden === undefined) throw new Error('no such case');
    const folder = await convertForBoth(name, dtype);
    const parts = await openParts(folder);
    const file = tinyImage(name, golden);
    const views = await parts.views(file);
    const view = views.view('half');

    const decoder = parts.newDecoder();
    await decoder.reserve(0, 4096);
    const prompt = parts.builder.firstRound(golden.question, view.segment, true);
    const ours = [(await decoder.prefill(prompt, { signal, wantLogits: false })).greedy];
    while (ours.length < GREEDY_TOKENS) {
      ours.push(...(await decoder.step(ours.at(-1) ?? -1, { signal, wantLogits: false })).tokens);
    }
    const image = await createNodeImageDecoder().decode(await openAsBlob(file));
    const { pixelValues, gridThw } = prepareImage(image, 'half', parts.folder.processor, null);
    const stock = await stockGreedy(folder, dtype, golden.round1.ids, pixelValues, gridThw);
    expect(stock).toEqual(ours);
    if (dtype === 'fp32') expect(ours).toEqual(golden.round1.greedy_ids);
  });
});
