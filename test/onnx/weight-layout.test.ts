/** The placement of weights: models of real sizes, without reading or writing a weight. */
import { describe, expect, it } from 'vitest';
import { buildAttentionCheck } from '../../src/converter/attention-check-graph.ts';
import { dataFileName } from '../../src/converter/layouts.ts';
import type { ExternalData } from '../../src/onnx/graph-builder.ts';
import { GraphBuilder } from '../../src/onnx/graph-builder.ts';
import { type Dtype, precisionOf } from '../../src/converter/dtypes.ts';
import { type GraphContext, WeightLayout } from '../../src/onnx/weight-layout.ts';
import type { ConvertibleModel } from '../../src/architectures/architecture.ts';
import { checkpointModel } from '../../src/architectures/registry.ts';
import { flatConfig } from '../architectures/qwen2_5_vl/checkpoint-configs.ts';

const LIMIT = 2e9;

const SEVEN_B = await checkpointModel(flatConfig(), undefined).conversion();
/** Qwen2.5-VL-3B: narrower, deeper, tied. */
const THREE_B = await checkpointModel(
  {
    ...flatConfig(),
    hidden_size: 2048,
    intermediate_size: 11008,
    num_attention_heads: 16,
    num_hidden_layers: 36,
    num_key_value_heads: 2,
    tie_word_embeddings: true,
    vocab_size: 151936,
    vision_config: { ...(flatConfig()['vision_config'] as object), out_hidden_size: 2048 },
  },
  undefined,
).conversion();

/** Builds every graph of a model in every variant of a dtype. */
function build(model: ConvertibleModel, dtype: Dtype): { layout: WeightLayout; graphs: Uint8Array[] } {
  const precision = precisionOf(dtype, model.checkpoint.eightBitPrefixes);
  const layout = new WeightLayout(precision, dataFileName('visionthink', 'fp32'));
  const graphs = precision.activations.flatMap((activations) =>
    Object.entries({
      ...model.graphs,
      attention_check: (context: GraphContext) => buildAttentionCheck(context, model.config),
    }).map(([name, builder]) => {
      const graph = new GraphBuilder(name);
      builder({ graph, layout, file: name, activations, unpack: false });
      return graph.finish();
    }),
  );
  return { layout, graphs };
}

function regionsOf(layout: WeightLayout): (ExternalData & { readonly tensors: readonly string[] })[] {
  return layout.jobs.flatMap((job) => {
    const { tensors } = job.source;
    return job.kind === 'quantized'
      ? [
          { ...job.weights, tensors },
          { ...job.scales, tensors },
        ]
      : [{ ...job.to, tensors }];
  });
}

describe.each([
  ['7B', SEVEN_B],
  ['3B', THREE_B],
] as const)('a model of %s', (size, model) => {
  describe.each(['fp16', 'q8', 'q4', 'q4f16'] as const)('as %s', (dtype) => {
    const { layout, graphs } = build(model, dtype);
    const regions = regionsOf(layout);

    it('has no data file of 2 GB or more', () => {
      for (const [file, bytes] of layout.files) expect([file, bytes < LIMIT]).toEqual([file, true]);
      const whole = [...layout.files.values()].reduce((a, b) => a + b, 0);
      if (size === '7B') expect(layout.files.size).toBeGreaterThan(Math.floor(whole / LIMIT));
    });

    it('has graphs of a few megabytes at most', () => {
      expect(graphs.length).toBe(4 * precisionOf(dtype).activations.length);
      for (const graph of graphs) expect(graph.length).toBeLessThan(4e6);
    });

    it('has regions that start at multiples of 64, lie inside their files and do not overlap', () => {
      const ends = new Map<string, number>();
      for (const { location, offset, length } of regions.toSorted((a, b) => a.offset - b.offset)) {
        expect(offset % 64).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(ends.get(location) ?? 0);
        ends.set(location, offset + length);
      }
      expect(Object.fromEntries(ends)).toEqual(Object.fromEntries(layout.files));
    });

    it('keeps the quantized values and scales of a matrix in one file', () => {
      const apart = layout.jobs.filter(
        (job) => job.kind === 'quantized' && job.scales.location !== job.weights.location,
      );
      expect(apart).toEqual([]);
    });

    it('stores every tensor of the model once', () => {
      const stored = layout.jobs.flatMap((job) => job.source.tensors);
      const expected = [...model.checkpoint.shapes.keys()];
      if (!model.config.text.tieWordEmbeddings) {
        expect(stored.toSorted()).toEqual(expected.toSorted());
        return;
      }
      // Tied: the head is the embedding, which floats store twice (the head transposed), quantised models once.
      expect([...new Set(stored)].toSorted()).toEqual(expected.filter((name) => name !== 'lm_head.weight').toSorted());
    });
  });
});

describe('quantised models', () => {
  it.each(['q4', 'q4f16'] as const)('take 8 bits for the vision tower and 4 for everything else, as %s', (dtype) => {
    const { layout } = build(SEVEN_B, dtype);
    const bits = layout.jobs.flatMap((job) =>
      job.kind === 'quantized' ? job.source.tensors.map((name) => [name.split('.')[0], job.bits].join(' ')) : [],
    );
    expect(new Set(bits)).toEqual(new Set(['visual 8', 'language_model 4', 'lm_head 4']));
  });

  it('take less than 6 GB of GPU memory for the 7B as q4f16 with a cache of 4096 tokens', () => {
    const { layout } = build(SEVEN_B, 'q4f16');
    const weights = [...layout.files.values()].reduce((a, b) => a + b, 0);
    const { numLayers, numKvHeads, headDim } = SEVEN_B.config.text;
    const cache = 2 * numLayers * numKvHeads * headDim * 4096 * 2;
    expect(weights + cache).toBeLessThan(5.3e9); // 0.7 GB are left for activations
    const decoder = [...layout.files].filter(([file]) => file.startsWith('decoder'));
    expect(decoder.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(4e9); // what each decode step reads
  });
});

describe('a matrix that no file can hold', () => {
  it('is refused before anything is written', () => {
    expect(() => build(SEVEN_B, 'fp32')).toThrowError(
      expect.objectContaining({ name: 'CheckpointError', message: expect.stringMatching(/dtype/) }),
    );
  });
});

describe('full files', () => {
  it('end before a matrix whose scales would not fit', async () => {
    const layout = new WeightLayout(precisionOf('q8'), dataFileName('visionthink', 'fp32'));
    const matrix = (name: string, rows: number) => ({ tensors: [name], cols: 32, paddedRows: rows, paddedCols: 32 });
    // Quantized values take 32 bytes a row, scales 2: after the first matrix, the second's values fit but its scales do not.
    layout.quantized('a', 'first', matrix('first', 55_000_000), 8);
    layout.quantized('a', 'second', matrix('second', 900_000), 8);
    const [, second] = layout.jobs;
    if (second?.kind !== 'quantized') throw new Error('the second matrix is quantised');
    expect(second.scales.location).toBe(second.weights.location);
    expect(second.scales.offset).toBeGreaterThanOrEqual(second.weights.offset + second.weights.length);
    for (const bytes of layout.files.values()) expect(bytes).toBeLessThan(LIMIT);
  });
});
