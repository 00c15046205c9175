/** Locating a model's weights in the graphs that the converter writes. */
import { describe, expect, it } from 'vitest';
import { buildGraphs } from '../../../../src/converter/graph-sets.ts';
import { precisionOf, type Dtype } from '../../../../src/converter/dtypes.ts';
import { WeightLayout } from '../../../../src/onnx/weight-layout.ts';
import { type ExternalWeight, readExternalWeights } from '../../../../src/onnx/read-initializers.ts';
import type { StoredMatrix } from '../../../../src/backends/webgpu/weights/stored-matrix.ts';
import { decoderWeights, embeddingTable } from '../../../../src/backends/webgpu/decoder/decoder-weights.ts';
import { visionWeights } from '../../../../src/backends/webgpu/vision/vision-weights.ts';
import type { ConvertibleModel } from '../../../../src/architectures/architecture.ts';
import { configFromCheckpoint, type QwenConfig } from '../../../../src/architectures/qwen2_5_vl/config.ts';
import { defineQwen } from '../../../../src/architectures/qwen2_5_vl/qwen2_5_vl.ts';
import { PRESETS } from '../../../../src/architectures/qwen2_5_vl/presets.ts';

async function modelOf(preset: '3b' | '7b' | 'tiny'): Promise<ConvertibleModel & { config: QwenConfig }> {
  const ids = { image_token_id: 5, vision_start_token_id: 6, vision_end_token_id: 7 };
  const config = configFromCheckpoint({ ...ids, ...PRESETS[preset].config }, { eos_token_id: 3 });
  return { ...(await defineQwen(config).conversion()), config };
}

/** The initializers of the graphs, and the layout they were built on. */
function build(
  model: ConvertibleModel,
  dtype: Dtype,
): {
  layout: WeightLayout;
  decoder: ReadonlyMap<string, ExternalWeight>;
  embedTokens: ReadonlyMap<string, ExternalWeight>;
  visionEncoder: ReadonlyMap<string, ExternalWeight>;
} {
  const layout = new WeightLayout(
    precisionOf(dtype, model.checkpoint.eightBitPrefixes),
    (graph, serial) => `${graph}.${serial}`,
  );
  const [first] = buildGraphs(layout, model, 1e9);
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
  it.each(['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const)('are found in the graphs of %s', async (dtype) => {
    const model = await modelOf('tiny');
    const { decoder, embedTokens } = build(model, dtype);
    const { layers, head } = decoderWeights(decoder, model.config.text);
    expect(layers).toHaveLength(2);
    const kind = { fp32: 'transposed', fp16: 'transposed', q8: 'q8', q4: 'q4', q4f16: 'q4' }[dtype];
    expect(layers[1]?.qkv).toMatchObject({ kind, rows: 256, cols: 128 });
    expect(layers[1]?.down).toMatchObject({ kind, rows: 128, cols: 256 });
    expect(head).toMatchObject({ kind, rows: 2048, cols: 128 });
    const table = embeddingTable(embedTokens, model.config.text);
    expect(table).toMatchObject({ kind: kind === 'transposed' ? 'table' : kind, rows: 2048, cols: 128 });
    // A tied and quantised head is the table itself.
    const place = (stored: StoredMatrix): unknown =>
      'quants' in stored ? [stored.quants.location, stored.quants.offset, stored.scales.offset] : null;
    if (kind !== 'transposed') expect(place(head)).toEqual(place(table));
  });

  it('lie where the layout puts them, even beyond 2^31 bytes', async () => {
    const model = await modelOf('7b');
    const { layout, decoder } = build(model, 'q4f16');
    const { layers, head } = decoderWeights(decoder, model.config.text);
    expect(layers).toHaveLength(28);
    expect(head).toMatchObject({ kind: 'q4', rows: 152_064, cols: 3584 });
    const regions = layout.jobs.flatMap((job) => (job.kind === 'quantized' ? [job.weights, job.scales] : [job.to]));
    const places = new Set(regions.map(({ location, offset, length }) => `${location} ${offset} ${length}`));
    for (const { location, offset, length } of decoder.values())
      expect(places).toContain(`${location} ${offset} ${length}`);
  });

  it('are refused when one is missing or misshapen, with its name', async () => {
    const model = await modelOf('tiny');
    const { decoder } = build(model, 'q8');
    const name = 'language_model.layers.1.mlp.down_proj.weight.q';
    const without = new Map([...decoder].filter(([key]) => key !== name));
    expect(() => decoderWeights(without, model.config.text)).toThrow(/down_proj/);
    expect(() => decoderWeights(decoder, { ...model.config.text, hiddenSize: 64 })).toThrow(/input_layernorm/);
  });

  it('cannot be read from a file that ends too early', () => {
    expect(() => readExternalWeights(Uint8Array.of(0x3a, 0x7f, 1))).toThrow(RangeError);
    expect(readExternalWeights(new Uint8Array())).toEqual(new Map());
  });
});

describe('weights of the vision tower', () => {
  it.each(['fp32', 'fp16', 'q8', 'q4f16'] as const)('are found in the graph of %s', async (dtype) => {
    const model = await modelOf('tiny');
    const { patchEmbed, blocks, mergerIntermediate, mergerOutput } = visionWeights(
      build(model, dtype).visionEncoder,
      model.config.vision,
    );
    expect(blocks).toHaveLength(2);
    const kind = { fp32: 'transposed', fp16: 'transposed', q8: 'q8', q4f16: 'q8' }[dtype];
    const intermediate = kind === 'transposed' ? 100 : 128; // padded for quantisation
    expect(patchEmbed).toMatchObject({ kind: 'transposed', rows: 64, cols: 1176 });
    expect(blocks[1]?.qkv.matrix).toMatchObject({ kind, rows: 192, cols: 64 });
    expect(blocks[1]?.gate.matrix).toMatchObject({ kind, rows: intermediate, cols: 64 });
    expect(blocks[1]?.gate.bias.dims).toEqual([intermediate]);
    expect(blocks[1]?.down.matrix).toMatchObject({ kind, rows: 64, cols: intermediate });
    expect(mergerIntermediate.matrix).toMatchObject({ kind, rows: 256, cols: 256 });
    expect(mergerOutput.matrix).toMatchObject({ kind, rows: 128, cols: 256 });
  });

  it('are refused when one is missing or misshapen, with its name', async () => {
    const model = await modelOf('tiny');
    const { visionEncoder } = build(model, 'q8');
    const name = 'visual.blocks.1.attn.proj.bias';
    const without = new Map([...visionEncoder].filter(([key]) => key !== name));
    expect(() => visionWeights(without, model.config.vision)).toThrow(/blocks\.1\.attn\.proj\.bias/);
    expect(() => visionWeights(visionEncoder, { ...model.config.vision, outHiddenSize: 64 })).toThrow(/mlp\.2/);
  });
});
