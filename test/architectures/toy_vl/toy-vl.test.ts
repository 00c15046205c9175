/**
 * A second architecture converts, loads and answers, with no edit outside its folder except the registration.
 * Its logits are those of a scalar reference.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { presetNamed, registerArchitecture } from '../../../src/architectures/registry.ts';
import { openNodeModel } from '../../../src/cli/node-engine.ts';
import { convertCheckpoint } from '../../../src/converter/convert.ts';
import type { Dtype } from '../../../src/converter/dtypes.ts';
import { randomFolder } from '../../../src/converter/random-folder.ts';
import { surveyCheckpoint } from '../../../src/converter/survey.ts';
import { planFrom, presetTitles } from '../../../src/evaluation/plan.ts';
import { preprocess } from '../../../src/image/patchify.ts';
import { nodeFolder } from '../../../src/io/node/node-folder.ts';
import { MANIFEST_FILE, parseManifest } from '../../../src/model/manifest.ts';
import { DEFAULT_SETTINGS } from '../../../src/protocol/turn.ts';
import { picture } from '../../helpers/scripted-engine.ts';
import { randomWeights, toyCheckpoint } from './checkpoint.ts';
import { ToyReference } from './reference.ts';
import { PATCH, TOY_CONFIG, TOY_VL } from './toy-vl.ts';

const weights = await randomWeights();
const checkpoint = toyCheckpoint(weights);
const reference = new ToyReference(weights, TOY_CONFIG);

/** Converts to a folder of its own, and returns that. */
async function convert(dtype: Dtype): Promise<string> {
  const out = mkdtempSync(join(tmpdir(), `toy-vl-${dtype}-`));
  await convertCheckpoint(checkpoint, nodeFolder(out), { dtype });
  return out;
}

beforeAll(() => {
  registerArchitecture(TOY_VL);
});

describe('a second architecture', () => {
  it('has the features and logits of the reference', async () => {
    const { folder, backend } = await openNodeModel({ directory: await convert('fp32'), backend: 'cpu' });
    const image = preprocess(picture(48, 40), folder.processor);
    const [, height, width] = image.gridThw;
    expect([height, width]).toEqual([40 / PATCH, 48 / PATCH]);

    const features = await backend.vision.encode(image);
    const expected = reference.features(image.pixelValues(), width);
    expect(features.tokens).toBe(height * width);
    expect(largestError(await features.read(), expected.flat())).toBeLessThan(1e-4);

    const before = [1, 7, 9, 3];
    const after = [4, 11, 12, 13];
    const sequence = await backend.text.open(128);
    sequence.setLayout([
      { kind: 'text', tokens: before.length },
      { kind: 'image', grid: { height, width } },
      { kind: 'text', tokens: after.length },
    ]);
    const { logits, greedy } = await sequence.forward(
      [
        { kind: 'ids', ids: before },
        { kind: 'features', features, first: 0, count: features.tokens },
        { kind: 'ids', ids: after },
      ],
      { logitsRows: 2, wantLogits: true },
    );
    const embeddings = [
      ...before.map((id) => reference.embedding(id)),
      ...expected,
      ...after.map((id) => reference.embedding(id)),
    ];
    const rows = reference.logits(embeddings).slice(-2);
    expect(largestError(logits ?? [], rows.flat())).toBeLessThan(1e-3);
    expect(greedy).toEqual(rows.map((row) => row.indexOf(Math.max(...row))));

    // A decode step on the cache equals one over the whole sequence.
    const [, next = 0] = greedy;
    const step = await sequence.forward([{ kind: 'ids', ids: [next] }], { logitsRows: 1, wantLogits: true });
    const last = reference.logits([...embeddings, reference.embedding(next)]).at(-1) ?? [];
    expect(largestError(step.logits ?? [], last)).toBeLessThan(1e-3);
    sequence.dispose();
    features.dispose();
    await backend.dispose();
  });

  it.each(['fp32', 'q8', 'q4'] as const)('answers a turn as %s', async (dtype) => {
    const { engine } = await openNodeModel({ directory: await convert(dtype), backend: 'cpu' });
    await engine.warmUp();
    expect(await engine.setImage(picture(96, 64))).toMatchObject({ fullTokens: 96, halfTokens: 24 });
    const settings = { ...DEFAULT_SETTINGS, maxNewTokens: 12 };
    const answer = await engine.ask('What is this?', settings, () => undefined);
    const again = await engine.ask('What is this?', settings, () => undefined);
    expect(answer.rounds[0]?.text.length).toBeGreaterThan(0);
    expect(again.rounds.map(({ text }) => text)).toEqual(answer.rounds.map(({ text }) => text));
    await engine.dispose();
  });

  it('is surveyed before it is converted, and has no transformers.js layout', async () => {
    const { model, sizes } = await surveyCheckpoint(checkpoint);
    expect(model.modelType).toBe('toy_vl');
    expect(sizes.map(({ dtype }) => dtype)).toEqual(['fp32', 'fp16', 'q8', 'q4', 'q4f16']);
    const out = nodeFolder(mkdtempSync(join(tmpdir(), 'toy-vl-')));
    const converting = convertCheckpoint(checkpoint, out, { dtype: 'q8', layout: 'transformers.js' });
    await expect(converting).rejects.toMatchObject({ name: 'UsageError', message: /toy_vl/ });
  });

  it('is measured with random weights, by the name of its preset', async () => {
    expect(planFrom(new URLSearchParams('model=toy')).model).toEqual({ kind: 'preset', preset: 'toy' });
    expect(presetTitles('bundled')).toContainEqual(['toy', 'toy preset, random weights']);
    const files = await randomFolder(presetNamed('toy'), 'q4', checkpoint);
    const text = await files.find(({ path }) => path === MANIFEST_FILE)?.blob.text();
    expect(parseManifest(JSON.parse(text ?? ''))).toMatchObject({ architecture: 'toy_vl', name: 'toy preset' });
    expect(files.map(({ path }) => path)).not.toContain('config.json'); // transformers.js'
  });
});

/** The largest difference, relative to the largest expected value. */
function largestError(found: ArrayLike<number>, expected: readonly number[]): number {
  expect(found).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? NaN) - value))) / largest;
}
