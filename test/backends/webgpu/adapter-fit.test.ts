import { describe, expect, it } from 'vitest';
import { fitAdapter } from '../../../src/backends/webgpu/adapter-fit.ts';
import type { Manifest, VariantName } from '../../../src/model/manifest.ts';

const GRAPH = { file: 'graph.onnx', data: [] };
const GRAPHS = { vision_encoder: GRAPH, embed_tokens: GRAPH, decoder: GRAPH, attention_check: GRAPH };

function model(...names: readonly VariantName[]): Pick<Manifest, 'variants' | 'largestTensorBytes'> {
  return { variants: names.map((name) => ({ name, graphs: GRAPHS })), largestTensorBytes: 3 * 2 ** 20 };
}

const CARD = { hasF16: true, maxBindingBytes: 2 ** 30 };

describe('a model on an adapter', () => {
  it('computes in f16 where both can, else in f32', () => {
    expect(fitAdapter(CARD, model('f16', 'f32', 'f32-unpacked'))).toEqual({
      activations: ['f16', 'f32'],
      notes: [],
      refusal: null,
    });
  });

  it.each([
    ['the adapter lacks f16', { ...CARD, hasF16: false }, model('f16', 'f32'), /no shader-f16/],
    ['the folder lacks it', CARD, model('f32'), /no f16 graphs/],
  ])('computes in f32 where %s, and says so', (_, adapter, folder, note) => {
    const { activations, notes, refusal } = fitAdapter(adapter, folder);
    expect([activations, notes, refusal]).toEqual([['f32'], [expect.stringMatching(note)], null]);
  });

  it.each([
    ['the folder has only f16 graphs and the adapter lacks f16', { ...CARD, hasF16: false }, model('f16'), /q4f16/],
    [
      'a weight is larger than the adapter binds',
      { ...CARD, maxBindingBytes: 2 ** 20 },
      model('f16'),
      /at most 1 MB .* 3 MB/,
    ],
  ])('is refused where %s', (_, adapter, folder, why) => {
    const { activations, refusal } = fitAdapter(adapter, folder);
    expect([activations, refusal]).toEqual([[], expect.stringMatching(why)]);
  });
});
