/** Where the kernels find a model's weights: in the graphs that the converter writes. */
import { describe, expect, it } from 'vitest';
import { buildGraphs } from '../../../../src/converter/graph-sets.ts';
import { PRECISIONS, type Dtype } from '../../../../src/converter/precision.ts';
import { WeightLayout } from '../../../../src/converter/weight-layout.ts';
import { type ExternalWeight, readExternalWeights } from '../../../../src/onnx/read-initializers.ts';
import type { StoredMatrix } from '../../../../src/backends/webgpu/weights/stored-matrix.ts';
import { decoderWeights, embeddingTable } from '../../../../src/backends/webgpu/decoder/decoder-weights.ts';
import { visionWeights } from '../../../../src/backends/webgpu/vision/vision-weights.ts';
import { type ModelConfig, parseGeometry } from '../../../../src/model/model-config.ts';
import { SHAPES } from '../../../../src/model/presets.ts';

function geometryOf(shapes: '3b' | '7b' | 'tiny'): ModelConfig {
  const { text, vision } = SHAPES[shapes];
  const ids = { image_token_id: 5, vision_start_token_id: 6, vision_end_token_id: 7 };
  return parseGeometry({ model_type: 'qwen2_5_vl', ...ids, ...text, vision_config: vision }, { eos_token_id: 3 });
}

/** The initializers of the graphs, and the layout they were built on. */
function build(
  geometry: ModelConfig,
  dtype: Dtype,
): {
  layout: WeightLayout;
  decoder: ReadonlyMap<string, ExternalWeight>;
  embedTokens: ReadonlyMap<string, ExternalWeight>;
  visionEncoder: ReadonlyMap<string, ExternalWeight>;
} {
  const layout = new WeightLayout(PRECISIONS[dtype], (graph, serial) => `${graph}.${serial}`);
  const [first] = buildGraphs(layout, geometry, 1e9);
  const read = (name: string): ReadonlyMap<string, ExternalWeight> =>
    readExternalWeights(first?.files.find(({ file }) => file.startsWith(name))?.bytes ?? new Uint8Array());
  return {
    layout,
    decoder: read('decoder.'),
    embedTokens: read('embed_tokens.'),
    visionEncoder: read('vision_encoder.'),
  };
}

describe('weights of the language model', () => {
  it.each(['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const)('are found in the graphs of %s', (dtype) => {
    const geometry = geometryOf('tiny');
    const { decoder, embedTokens } = build(geometry, dtype);
    const { layers, head } = decoderWeights(decoder, geometry.text);
    expect(layers).toHaveLength(2);
    const kind = { fp32: 'transposed', fp16: 'transposed', q8: 'q8', q4: 'q4', q4f16: 'q4' }[dtype];
    expect(layers[1]?.qkv).toMatchObject({ kind, rows: 256, cols: 128 });
    expect(layers[1]?.down).toMatchObject({ kind, rows: 128, cols: 256 });
    expect(head).toMatchObject({ kind, rows: 2048, cols: 128 });
    const table = embeddingTable(embedTokens, geometry.text);
    expect(table).toMatchObject({ kind: kind === 'transposed' ? 'table' : kind, rows: 2048, cols: 128 });
    // A tied and quantised head is the table itself.
    const place = (stored: StoredMatrix): unknown =>
      'quants' in stored ? [stored.quants.location, stored.quants.offset, stored.scales.offset] : null;
    if (kind !== 'transposed') expect(place(head)).toEqual(place(table));
  });

  it('lie where the layout has put them, beyond 2^31 bytes too', () => {
    const geometry = geometryOf('7b');
    const { layout, decoder } = build(geometry, 'q4f16');
    const { layers, head } = decoderWeights(decoder, geometry.text);
    expect(layers).toHaveLength(28);
    expect(head).toMatchObject({ kind: 'q4', rows: 152_064, cols: 3584 });
    const regions = layout.jobs.flatMap((job) => (job.kind === 'quantized' ? [job.weights, job.scales] : [job.to]));
    const places = new Set(regions.map(({ location, offset, length }) => `${location} ${offset} ${length}`));
    for (const { location, offset, length } of decoder.values())
      expect(places).toContain(`${location} ${offset} ${length}`);
  });

  it('are refused by name when one is missing or misshapen', () => {
    const geometry = geometryOf('tiny');
    const { decoder } = build(geometry, 'q8');
    const name = 'language_model.layers.1.mlp.down_proj.weight.q';
    const without = new Map([...decoder].filter(([key]) => key !== name));
    expect(() => decoderWeights(without, geometry.text)).toThrow(/down_proj/);
    expect(() => decoderWeights(decoder, { ...geometry.text, hiddenSize: 64 })).toThrow(/input_layernorm/);
  });

  it('cannot be read from a file that ends too early', () => {
    expect(() => readExternalWeights(Uint8Array.of(0x3a, 0x7f, 1))).toThrow(RangeError);
    expect(readExternalWeights(new Uint8Array())).toEqual(new Map());
  });
});

describe('weights of the vision tower', () => {
  it.each(['fp32', 'fp16', 'q8', 'q4f16'] as const)('are found in the graph of %s', (dtype) => {
    const geometry = geometryOf('tiny');
    const { patchEmbed, blocks, mergerIntermediate, mergerOutput } = visionWeights(
      build(geometry, dtype).visionEncoder,
      geometry.vision,
    );
    expect(blocks).toHaveLength(2);
    const kind = { fp32: 'transposed', fp16: 'transposed', q8: 'q8', q4f16: 'q8' }[dtype];
    const intermediate = kind === 'transposed' ? 100 : 128; // padded to be quantised
    expect(patchEmbed).toMatchObject({ kind: 'transposed', rows: 64, cols: 1176 });
    expect(blocks[1]?.qkv.matrix).toMatchObject({ kind, rows: 192, cols: 64 });
    expect(blocks[1]?.gate.matrix).toMatchObject({ kind, rows: intermediate, cols: 64 });
    expect(blocks[1]?.gate.bias.dims).toEqual([intermediate]);
    expect(blocks[1]?.down.matrix).toMatchObject({ kind, rows: 64, cols: intermediate });
    expect(mergerIntermediate.matrix).toMatchObject({ kind, rows: 256, cols: 256 });
    expect(mergerOutput.matrix).toMatchObject({ kind, rows: 128, cols: 256 });
  });

  it('are refused by name when one is missing or misshapen', () => {
    const geometry = geometryOf('tiny');
    const { visionEncoder } = build(geometry, 'q8');
    const name = 'visual.blocks.1.attn.proj.bias';
    const without = new Map([...visionEncoder].filter(([key]) => key !== name));
    expect(() => visionWeights(without, geometry.vision)).toThrow(/blocks\.1\.attn\.proj\.bias/);
    expect(() => visionWeights(visionEncoder, { ...geometry.vision, outHiddenSize: 64 })).toThrow(/mlp\.2/);
  });
});
