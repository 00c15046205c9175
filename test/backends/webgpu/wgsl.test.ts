/** The choices of the kernels' templates. cases.test.ts checks that kernels compute correctly. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_TUNING, parseTuning } from '../../../src/backends/webgpu/gpu/tuning.ts';
import type { AttentionSpec } from '../../../src/backends/webgpu/attention/attention-spec.ts';
import { attentionBytes, prefillAttentionKernel } from '../../../src/backends/webgpu/attention/prefill-attention.ts';
import { kvSplitReduceGrid, kvSplitReduceKernel } from '../../../src/backends/webgpu/attention/kv-split-reduce.ts';
import { decodeAttentionKernel, decodeAttentionTile } from '../../../src/backends/webgpu/attention/decode-attention.ts';
import {
  causalSource,
  causalTokens,
  spanSource,
  subgroupMatrixAttentionFits,
  subgroupMatrixAttentionKernel,
} from '../../../src/backends/webgpu/attention/subgroup-matrix-attention.ts';
import { grid } from '../../../src/backends/webgpu/gpu/kernel.ts';
import { gemmF16Kernel, gemmF16TileBytes } from '../../../src/backends/webgpu/matmul/gemm-f16.ts';
import { gemmKernel, type GemmSpec, type GemmTile, gemmTileBytes } from '../../../src/backends/webgpu/matmul/gemm.ts';
import { matrixBytes, gemvGrid, gemvKernel, type GemvSpec } from '../../../src/backends/webgpu/matmul/gemv.ts';
import { visionAttentionBytes, visionAttentionSpec } from '../../../src/backends/webgpu/attention/vision-attention.ts';
import { featureKernel, packedRotaryKernel } from '../../../src/backends/webgpu/rows/vision-rows.ts';
import { gemmSplits, selectF32Tiles, subgroupMatrixSplitKTile } from '../../../src/backends/webgpu/matmul/select.ts';
import { splitKGrid, partialSumLength } from '../../../src/backends/webgpu/matmul/partial-sums.ts';
import { type SplitKSpec, splitKBytes, splitKKernel } from '../../../src/backends/webgpu/matmul/split-k.ts';
import {
  reduceBiasKernel,
  reduceSwigluKernel,
  reduceNormKernel,
} from '../../../src/backends/webgpu/matmul/split-k-reduce.ts';
import { type MatrixFormat } from '../../../src/backends/webgpu/weights/weight-reader.ts';

const HEAD: MatrixFormat = { kind: 'q4', floats: 'f16', rows: 152_064, cols: 3584 };
const GATE: MatrixFormat = { ...HEAD, rows: 18_944 };
const SPEC: GemvSpec = {
  label: 'gate, up',
  matrices: [GATE, GATE],
  epilogue: 'swiglu',
  normEpsilon: 1e-6,
  columns: 1,
  rowsPerThread: 2,
  threadsPerRow: 32,
  threads: 128,
  blocksAhead: 2,
  subgroupSize: 32,
};
const ATTENTION: AttentionSpec = { numHeads: 28, numKvHeads: 4, headDim: 128, stored: 'f16', tokens: 2 };
/** The vision tower's heads in every Qwen2.5-VL. */
const VISION = { numHeads: 16, headDim: 80 };

/** Arguments of a select function where only workgroup memory matters. */
const TRAITS = { hasF16: false, hasSubgroupMatrices: false, subgroupSize: null, workgroupBytes: 16_384 };

/** A GEMM tile for many tokens. */
const TILE: GemmTile = { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 };

describe('GEMV', () => {
  it('reach every row within the limits of a dispatch', () => {
    expect(grid(65_535)).toEqual([65_535, 1]);
    expect(grid(65_536)).toEqual([32_768, 2]);
    const spec: GemvSpec = { ...SPEC, matrices: [HEAD], epilogue: 'store', rowsPerThread: 1, threads: 32 };
    const [x, y] = gemvGrid(spec);
    expect(x).toBeLessThanOrEqual(65_535);
    expect(x * y).toBeGreaterThanOrEqual(HEAD.rows);
  });

  it('bind at most the eight storage buffers that every device allows', () => {
    const kernels = [
      gemvKernel(SPEC),
      gemmKernel({ label: '', matrix: HEAD, epilogue: 'store', bias: true, tile: TILE }),
      subgroupMatrixAttentionKernel(causalSource(ATTENTION)),
    ];
    for (const { bindings } of [...kernels, prefillAttentionKernel(ATTENTION), decodeAttentionKernel(ATTENTION, 32)]) {
      expect(bindings.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
    }
  });

  it('refuse a thread count that does not divide evenly', () => {
    expect(() => gemvKernel({ ...SPEC, threadsPerRow: 48 })).toThrow(RangeError);
  });

  it('report their bytes', () => {
    expect(matrixBytes(HEAD)).toBe((152_064 * 3584) / 2 + ((152_064 * 3584) / 32) * 2);
  });
});

describe('workgroup memory', () => {
  it('of the default sizes fits every device', () => {
    expect(attentionBytes(ATTENTION)).toBeLessThanOrEqual(16_384);
    expect(attentionBytes({ ...ATTENTION, numHeads: 16, numKvHeads: 2 })).toBeLessThanOrEqual(16_384);
    const smallest = visionAttentionSpec(VISION, 64, 16_384);
    expect(visionAttentionBytes(smallest)).toBeLessThanOrEqual(16_384);
    expect(gemmTileBytes(TILE)).toBe(15_360);
  });
});

describe('GEMM tiles', () => {
  it('are small where the device or a tuning requires it, else grow with the tokens', () => {
    const tiles = (tile: number, workgroupBytes: number) =>
      selectF32Tiles({ traits: { ...TRAITS, workgroupBytes }, tuning: { ...DEFAULT_TUNING, tile } });
    const tokens = (side: number, bytes: number): readonly number[] =>
      tiles(side, bytes).map(({ tile }) => tile.tokens);
    expect(tokens(128, 16_384)).toEqual([32, 64, 128]);
    expect(tiles(128, 16_384).at(-1)).toEqual({ upTo: Infinity, tile: TILE });
    for (const [side, bytes] of [
      [128, 15_000],
      [16, 16_384],
      [128, 0],
    ] as const)
      expect(tokens(side, bytes)).toEqual([16]);
  });

  it('refuse outputs that do not divide evenly among threads', () => {
    const spec = { label: '', matrix: GATE, epilogue: 'store' } as const;
    expect(() => gemmKernel({ ...spec, tile: { ...TILE, rowsPerThread: 5 } })).toThrow(RangeError);
  });
});

describe('GEMM in f16', () => {
  const F16_TILE: GemmTile = { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 };
  const spec = (matrix: MatrixFormat, tile = F16_TILE): GemmSpec => ({ label: '', matrix, epilogue: 'store', tile });

  it('fit into the workgroup memory of every device', () => {
    expect(gemmF16TileBytes(F16_TILE)).toBe(128 * 5 * 16 + 256);
    expect(gemmF16TileBytes(F16_TILE)).toBeLessThanOrEqual(16_384);
  });

  it('take quantized values, in tiles of whole blocks', () => {
    expect(gemmF16Kernel(spec(GATE)).code).toMatch(/^enable f16;/);
    expect(() => gemmF16Kernel(spec({ ...GATE, kind: 'floats' }))).toThrow(TypeError);
    expect(() => gemmF16Kernel(spec(GATE, { ...F16_TILE, depth: 4 }))).toThrow(RangeError);
  });
});

describe('split-K', () => {
  const DOWN: MatrixFormat = { ...HEAD, rows: 3584, cols: 18_944 };
  const specOf = (matrix: MatrixFormat, tokens: number): SplitKSpec => ({
    label: '',
    matrix,
    x: 'f16',
    ...subgroupMatrixSplitKTile(matrix, tokens),
  });

  it('has as many splits as keep a device busy, and one where there are enough rows', () => {
    expect(subgroupMatrixSplitKTile(GATE, 32)).toEqual({
      tile: { tokens: 32, rows: 64, subgroups: 4, depth: 2 },
      splits: 1,
    });
    expect(subgroupMatrixSplitKTile(DOWN, 32)).toEqual({
      tile: { tokens: 32, rows: 128, subgroups: 4, depth: 2 },
      splits: 8,
    });
    expect(subgroupMatrixSplitKTile(DOWN, 64)).toEqual({
      tile: { tokens: 64, rows: 64, subgroups: 4, depth: 2 },
      splits: 4,
    });
    expect(splitKGrid(specOf(DOWN, 32), 27)).toEqual([1, 28, 8]);
    expect(splitKGrid(specOf(DOWN, 64), 70)).toEqual([2, 56, 4]);
    expect(partialSumLength(specOf(DOWN, 64), 70)).toBe(4 * 128 * 3584);
    expect([GATE, DOWN].map((matrix) => gemmSplits(matrix, TILE))).toEqual([4, 16]);
  });

  it('has at least one step in every split, and a bounded number of splits to reduce', () => {
    expect(subgroupMatrixSplitKTile({ ...HEAD, rows: 192, cols: 192 }, 32).splits).toBe(2);
    expect(subgroupMatrixSplitKTile({ ...HEAD, rows: 64, cols: 32 }, 32).splits).toBe(1);
    expect(subgroupMatrixSplitKTile({ ...HEAD, rows: 128, cols: 18_944 }, 32).splits).toBe(16);
  });

  it('fills every template, for every matrix format and odd numbers of blocks', () => {
    for (const kind of ['q4', 'q8', 'floats'] as const) {
      for (const floats of ['f16', 'f32'] as const) {
        for (const [rows, cols] of [
          [18_944, 3584],
          [2048, 11_008],
          [96, 96],
          [160, 9248],
        ] as const) {
          for (const tokens of [32, 64]) {
            const spec = specOf({ kind, floats, rows, cols }, tokens);
            expect(splitKBytes(spec.tile)).toBeLessThanOrEqual(32_768);
            const sums = [
              reduceBiasKernel(spec).kernel,
              reduceSwigluKernel(spec, HEAD).kernel,
              reduceSwigluKernel(spec, null).kernel,
            ];
            const norms = [
              reduceNormKernel({ sums: spec, cols: rows, epsilon: 1e-6, packedFor: HEAD }),
              reduceNormKernel({ sums: null, cols: rows, epsilon: 1e-6, packedFor: null }),
            ];
            const splitKKernels = [splitKKernel(spec), splitKKernel({ ...spec, x: 'f32' })];
            for (const { code } of [...splitKKernels, ...sums, ...norms])
              expect(code).not.toMatch(/undefined|NaN|\d\.\d+u/);
          }
        }
      }
    }
  });

  it('refuses a tile that does not divide evenly', () => {
    const spec = specOf(DOWN, 32);
    expect(() => splitKKernel({ ...spec, tile: { ...spec.tile, depth: 3 } })).toThrow(RangeError);
  });
});

describe('attention of the language model', () => {
  it('takes a cache tile per step that fits the device', () => {
    expect([65_536, 20_000, 16_384, 0].map((bytes) => decodeAttentionTile(ATTENTION, bytes))).toEqual([32, 16, 16, 8]);
  });

  it('fills every template, for heads of every size', () => {
    for (const headDim of [16, 32, 64, 80, 96, 128, 256]) {
      for (const numKvHeads of [1, 2, 8]) {
        const spec: AttentionSpec = { numHeads: 8, numKvHeads, headDim, stored: 'f16', tokens: 1 };
        const kernels = [
          decodeAttentionKernel(spec, 8),
          kvSplitReduceKernel(spec),
          subgroupMatrixAttentionKernel(causalSource(spec)),
          subgroupMatrixAttentionKernel(spanSource(spec)),
          packedRotaryKernel(spec).kernel,
        ];
        for (const { code } of kernels) expect(code).not.toMatch(/undefined|NaN|\d\.\d+u/);
        const [heads, , shares] = kvSplitReduceGrid(spec, 1);
        expect(heads * shares).toBeLessThanOrEqual(8 * (headDim / 4));
      }
    }
  });

  it('with subgroup matrices takes whole fragments, and as many tokens as fit beside the heads', () => {
    expect(causalTokens(ATTENTION)).toBe(9);
    expect(causalTokens({ numHeads: 16, numKvHeads: 2 })).toBe(8);
    expect(causalTokens({ numHeads: 128, numKvHeads: 1 })).toBe(0);
    expect(subgroupMatrixAttentionFits(128, 32_768)).toBe(true);
    expect(() => subgroupMatrixAttentionKernel(spanSource({ numHeads: 2, headDim: 40 }))).toThrow(RangeError);
  });
});

describe('attention of the vision tower', () => {
  it('takes the largest tiles that fit', () => {
    const tiles = (mostQueries: number, bytes: number): readonly number[] => {
      const { queries, keys } = visionAttentionSpec(VISION, mostQueries, bytes);
      return [queries, keys];
    };
    expect(tiles(64, 49_152)).toEqual([64, 32]);
    expect(tiles(32, 49_152)).toEqual([32, 32]);
    expect(tiles(64, 32_768)).toEqual([32, 32]);
    expect(tiles(64, 16_384)).toEqual([16, 16]);
    expect(tiles(64, 0)).toEqual([16, 16]);
  });

  it('refuses features that end in half a word', () => {
    expect(() => featureKernel(63, 'f16')).toThrow(RangeError);
    expect(featureKernel(63, 'f32').groups).toBe(1);
  });
});

describe('a tuning', () => {
  it('sets the sizes that it names', () => {
    expect(parseTuning('')).toEqual(DEFAULT_TUNING);
    expect(parseTuning('tile:128,rowsPerThread:4')).toEqual({ ...DEFAULT_TUNING, tile: 128, rowsPerThread: 4 });
  });

  it.each(['speed:9', 'tile', 'tile:0', 'tile:x'])('refuses %s', (text) => {
    expect(() => parseTuning(text)).toThrow(RangeError);
  });
});
