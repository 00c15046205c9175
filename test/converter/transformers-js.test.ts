/** `--layout transformers.js`: the folder loads unchanged in unmodified transformers.js, and gives the same tokens there. */
import { mkdtempSync, openAsBlob } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { env, Qwen2_5_VLForConditionalGeneration, Tensor } from '@huggingface/transformers';
import { describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import type { Dtype } from '../../src/converter/dtypes.ts';
import type { Decoder } from '../../src/engine/decoder.ts';
import type { PreprocessedImage } from '../../src/image/patchify.ts';
import { prepareView } from '../../src/image/image-request.ts';
import type { Segment } from '../../src/engine/segments.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { fullOf, halfOf } from '../../src/shared/image-request.ts';
import { firstRound, toolTurn } from '../helpers/prompts.ts';
import { openParts, readGolden, TINY_NAMES, tinyCheckpoint, tinyImage } from '../helpers/tiny-model.ts';

const GREEDY_TOKENS = 64;
const signal = new AbortController().signal;

async function convertForBoth(name: string, dtype: Dtype): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), `visionthink-upstream-${name}-`));
  await convertCheckpoint(nodeFolder(tinyCheckpoint(name)), nodeFolder(out), { dtype, layout: 'transformers.js' });
  return out;
}

/** Greedy ids of unmodified transformers.js for a prompt with these images. */
async function stockGreedy(
  folder: string,
  dtype: Dtype,
  ids: readonly number[],
  images: readonly PreprocessedImage[],
): Promise<number[]> {
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  const model = await Qwen2_5_VLForConditionalGeneration.from_pretrained(basename(folder), { dtype, device: 'cpu' });
  const grids = images.flatMap(({ gridThw }) => gridThw);
  const patches = images.reduce((sum, { gridThw: [, rows, columns] }) => sum + rows * columns, 0);
  const pixels = images.flatMap((image) => [...image.pixelValues()]);
  const output = await model.generate({
    input_ids: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
    attention_mask: new Tensor('int64', new BigInt64Array(ids.length).fill(1n), [1, ids.length]),
    pixel_values: new Tensor('float32', Float32Array.from(pixels), [patches, pixels.length / patches]),
    image_grid_thw: new Tensor('int64', BigInt64Array.from(grids, BigInt), [images.length, 3]),
    max_new_tokens: GREEDY_TOKENS,
    do_sample: false,
  });
  await model.dispose();
  if (!(output instanceof Tensor)) throw new TypeError('generate() gave no tensor');
  return Array.from(output.data as BigInt64Array, Number).slice(ids.length);
}

/** Greedy ids of our engine. */
async function ourGreedy(decoder: Decoder, prompt: readonly Segment[]): Promise<number[]> {
  await decoder.reserve(0, 4096);
  const ids = [(await decoder.prefill(prompt, { signal, wantLogits: false })).greedy];
  while (ids.length < GREEDY_TOKENS) {
    ids.push(...(await decoder.step(ids.at(-1) ?? -1, { signal, wantLogits: false })).tokens);
  }
  return ids;
}

describe.each(TINY_NAMES)('%s', (name) => {
  it.each(['fp32', 'q8'] as const)('as %s gives the same tokens in both engines, in both rounds', async (dtype) => {
    const golden = readGolden(name).cases[0];
    if (golden === undefined) throw new Error('no such case');
    const folder = await convertForBoth(name, dtype);
    const parts = await openParts(folder);
    const file = tinyImage(name, golden);
    const views = await parts.views(file);
    const picture = await createNodeImageDecoder().decode(await openAsBlob(file));
    const limits = { processor: parts.folder.processor, pixelBudget: null };
    const half = prepareView(picture, halfOf(0), limits);
    const full = prepareView(picture, fullOf(0), limits);

    const prompt = firstRound(parts.folder, golden.question, views.view(halfOf(0)).segment);
    const first = await ourGreedy(parts.newDecoder(), prompt);
    expect(await stockGreedy(folder, dtype, golden.round1.ids, [half])).toEqual(first);
    const again: Segment[] = [
      ...prompt,
      { kind: 'text', ids: golden.round2.forced_ids },
      ...toolTurn(parts.folder, golden.question, views.view(fullOf(0)).segment),
    ];
    const second = await ourGreedy(parts.newDecoder(), again);
    expect(await stockGreedy(folder, dtype, golden.round2.ids, [half, full])).toEqual(second);
    if (dtype === 'fp32') expect([first, second]).toEqual([golden.round1.greedy_ids, golden.round2.greedy_ids]);
  });
});
