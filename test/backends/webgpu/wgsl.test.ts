/** What the kernels' templates choose. That the kernels compute the right thing is a matter for test/browser/kernels.test.ts. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_TUNING, parseTuning } from '../../../src/backends/webgpu/gpu/tuning.ts';
import {
  attentionBytes,
  attentionKernel,
  type AttentionSpec,
} from '../../../src/backends/webgpu/attention/prefill-attention.ts';
import { plainTiles } from '../../../src/backends/webgpu/matmul/select-gemm.ts';
import { combineGrid, combineKernel } from '../../../src/backends/webgpu/attention/kv-split-reduce.ts';
import { stepAttentionKernel, stepAttentionTile } from '../../../src/backends/webgpu/attention/decode-attention.ts';
import {
  causalSource,
  causalTokens,
  spanSource,
  tensorAttentionFits,
  tensorAttentionKernel,
} from '../../../src/backends/webgpu/attention/subgroup-matrix-attention.ts';
import { grid } from '../../../src/backends/webgpu/gpu/kernel.ts';
import { halvesMatmulKernel, halvesTileBytes } from '../../../src/backends/webgpu/matmul/gemm-f16.ts';
import { matmulKernel, type MatmulSpec, type Tile, tileBytes } from '../../../src/backends/webgpu/matmul/gemm.ts';
import { matrixBytes, matvecGrid, matvecKernel, type MatvecSpec } from '../../../src/backends/webgpu/matmul/gemv.ts';
import {
  visionAttentionBytes,
  visionAttentionKernel,
  visionAttentionSpec,
} from '../../../src/backends/webgpu/attention/vision-attention.ts';
import {
  featureKernel,
  packedRotaryKernel,
  patchKernel,
  rotaryKernel,
} from '../../../src/backends/webgpu/rows/vision-rows.ts';
import { plainParts, splitKTile } from '../../../src/backends/webgpu/matmul/split-k-layer.ts';
import { splitKGrid, sumsLength } from '../../../src/backends/webgpu/matmul/partial-sums.ts';
import { type SplitK, splitKBytes, splitKKernel } from '../../../src/backends/webgpu/matmul/split-k.ts';
import { biasSumKernel, gatedSumKernel, normSumKernel } from '../../../src/backends/webgpu/matmul/split-k-reduce.ts';
import { halvesPacker, type MatrixFormat } from '../../../src/backends/webgpu/weights/weight-reader.ts';

const HEAD: MatrixFormat = { kind: 'q4', floats: 'f16', rows: 152_064, cols: 3584 };
const GATE: MatrixFormat = { ...HEAD, rows: 18_944 };
const SPEC: MatvecSpec = {
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
/** Of every Qwen2.5-VL. */
const VISION = { numHeads: 16, headDim: 80 };
const PATCHES = { patchSize: 14, spatialMergeSize: 2, temporalPatchSize: 2, inChannels: 3 };

/** For many tokens. */
const TILE: Tile = { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 };

describe('matrix-vector products', () => {
  it('sum by subgroups, with workgroup memory only where a row has several or none', () => {
    const ways = [32, 64, 16, null].map((subgroupSize) => matvecKernel({ ...SPEC, subgroupSize }).code);
    expect(ways.map((code) => code.startsWith('enable subgroups;'))).toEqual([true, true, true, false]);
    expect(ways.map((code) => code.includes('subgroupShuffleXor'))).toEqual([false, true, false, false]);
    expect(ways.map((code) => code.includes('shared_sums'))).toEqual([false, false, true, true]);
  });

  it('reach every row within the limits of a dispatch', () => {
    expect(grid(65_535)).toEqual([65_535, 1]);
    expect(grid(65_536)).toEqual([32_768, 2]);
    const spec: MatvecSpec = { ...SPEC, matrices: [HEAD], epilogue: 'store', rowsPerThread: 1, threads: 32 };
    const [x, y] = matvecGrid(spec);
    expect(x).toBeLessThanOrEqual(65_535);
    expect(x * y).toBeGreaterThanOrEqual(HEAD.rows);
  });

  it('bind no more than the eight storage buffers that every device has', () => {
    const kernels = [
      matvecKernel(SPEC),
      matmulKernel({ label: '', matrix: HEAD, epilogue: 'store', bias: true }, TILE),
      tensorAttentionKernel(causalSource(ATTENTION)),
    ];
    for (const { bindings } of [...kernels, attentionKernel(ATTENTION), stepAttentionKernel(ATTENTION, 32)]) {
      expect(bindings.filter(({ access }) => access !== 'uniform').length).toBeLessThanOrEqual(8);
    }
  });

  it('refuse threads that cannot be shared out', () => {
    expect(() => matvecKernel({ ...SPEC, threadsPerRow: 48 })).toThrow(RangeError);
  });

  it('know their bytes', () => {
    expect(matrixBytes(HEAD)).toBe((152_064 * 3584) / 2 + ((152_064 * 3584) / 32) * 2);
  });
});

describe('workgroup memory', () => {
  it('of the usual sizes is what every device has', () => {
    expect(attentionBytes(ATTENTION)).toBeLessThanOrEqual(16_384);
    expect(attentionBytes({ ...ATTENTION, numHeads: 16, numKvHeads: 2 })).toBeLessThanOrEqual(16_384);
    const smallest = visionAttentionSpec(VISION, 64, 16_384);
    expect(visionAttentionBytes(smallest)).toBeLessThanOrEqual(16_384);
    expect(tileBytes(TILE)).toBe(15_360);
  });
});

describe('tiles of products', () => {
  it('are small where the device or a tuning asks for it, else grow with the tokens', () => {
    const tokens = (side: number, bytes: number): readonly number[] =>
      plainTiles(side, bytes).map(([, tile]) => tile.tokens);
    expect(tokens(128, 16_384)).toEqual([32, 64, 128]);
    expect(plainTiles(128, 16_384).at(-1)).toEqual([Infinity, TILE]);
    for (const [side, bytes] of [
      [128, 15_000],
      [16, 16_384],
      [128, 0],
    ] as const)
      expect(tokens(side, bytes)).toEqual([16]);
  });

  it('refuse outputs that cannot be shared out', () => {
    const spec = { label: '', matrix: GATE, epilogue: 'store' } as const;
    expect(() => matmulKernel(spec, { ...TILE, rowsPerThread: 5 })).toThrow(RangeError);
  });
});

describe('products in f16', () => {
  const HALVES: Tile = { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 };
  const spec = (matrix: MatrixFormat): MatmulSpec => ({ label: '', matrix, epilogue: 'store' });

  it('fit into the workgroup memory that every device has', () => {
    expect(halvesTileBytes(HALVES)).toBe(128 * 5 * 16 + 256);
    expect(halvesTileBytes(HALVES)).toBeLessThanOrEqual(16_384);
  });

  it('want codes, in tiles of whole blocks', () => {
    expect(halvesMatmulKernel(spec(GATE), HALVES).code).toMatch(/^enable f16;/);
    expect(() => halvesMatmulKernel(spec({ ...GATE, kind: 'floats' }), HALVES)).toThrow(TypeError);
    expect(() => halvesMatmulKernel(spec(GATE), { ...HALVES, depth: 4 })).toThrow(RangeError);
  });
});

describe('products in parts', () => {
  const DOWN: MatrixFormat = { ...HEAD, rows: 3584, cols: 18_944 };
  const product = (matrix: MatrixFormat, tokens: number): SplitK => ({
    label: '',
    matrix,
    x: 'f16',
    tile: splitKTile(matrix, tokens),
  });

  it('have as many parts as keep a device busy, and none where there are rows enough', () => {
    expect(splitKTile(GATE, 32)).toEqual({ tokens: 32, rows: 64, subgroups: 4, depth: 2, parts: 1 });
    expect(splitKTile(DOWN, 32)).toEqual({ tokens: 32, rows: 128, subgroups: 4, depth: 2, parts: 8 });
    expect(splitKTile(DOWN, 64)).toEqual({ tokens: 64, rows: 64, subgroups: 4, depth: 2, parts: 4 });
    expect(splitKGrid(product(DOWN, 32), 27)).toEqual([1, 28, 8]);
    expect(splitKGrid(product(DOWN, 64), 70)).toEqual([2, 56, 4]);
    expect(sumsLength(product(DOWN, 64), 70)).toBe(4 * 128 * 3584);
    expect([GATE, DOWN].map((matrix) => plainParts(matrix, TILE))).toEqual([4, 16]);
  });

  it('have a step at least in every part, and not so many that putting them together takes long', () => {
    expect(splitKTile({ ...HEAD, rows: 192, cols: 192 }, 32).parts).toBe(2);
    expect(splitKTile({ ...HEAD, rows: 64, cols: 32 }, 32).parts).toBe(1);
    expect(splitKTile({ ...HEAD, rows: 128, cols: 18_944 }, 32).parts).toBe(16);
  });

  it('have every template filled, for every way to store a matrix and odd numbers of blocks', () => {
    for (const kind of ['q4', 'q8', 'floats'] as const) {
      for (const floats of ['f16', 'f32'] as const) {
        for (const [rows, cols] of [
          [18_944, 3584],
          [2048, 11_008],
          [96, 96],
          [160, 9248],
        ] as const) {
          for (const tokens of [32, 64]) {
            const spec = product({ kind, floats, rows, cols }, tokens);
            expect(splitKBytes(spec.tile)).toBeLessThanOrEqual(32_768);
            const sums = [
              biasSumKernel(spec).kernel,
              gatedSumKernel(spec, HEAD).kernel,
              gatedSumKernel(spec, null).kernel,
            ];
            const norms = [normSumKernel(spec, rows, 1e-6, HEAD), normSumKernel(null, rows, 1e-6, null)];
            const products = [splitKKernel(spec), splitKKernel({ ...spec, x: 'f32' })];
            for (const { code } of [...products, ...sums, ...norms]) expect(code).not.toMatch(/undefined|NaN|\d\.\d+u/);
          }
        }
      }
    }
  });

  it('refuse a tile that cannot be shared out', () => {
    const spec = product(DOWN, 32);
    expect(() => splitKKernel({ ...spec, tile: { ...spec.tile, depth: 3 } })).toThrow(RangeError);
  });

  it('take their inputs in the order in which codes come', () => {
    // A word of 4-bit codes gives codes i and i + 4 at once, one of bytes codes i and i + 2.
    expect(halvesPacker('halves', { kind: 'q4' })).toContain('vec2<f32>(a[1], b[1])');
    expect(halvesPacker('halves', { kind: 'q8' })).toContain('vec2<f32>(a[1], a[3])');
    expect(halvesPacker('halves', { kind: 'floats' })).toContain('vec2<f32>(a[2], a[3])');
  });
});

describe('attention of the language model', () => {
  it('takes a tile of the cache in a step that fits the device', () => {
    expect([65_536, 20_000, 16_384, 0].map((bytes) => stepAttentionTile(ATTENTION, bytes))).toEqual([32, 16, 16, 8]);
  });

  it('has every template filled, for heads of every size', () => {
    for (const headDim of [16, 32, 64, 80, 96, 128, 256]) {
      for (const numKvHeads of [1, 2, 8]) {
        const spec: AttentionSpec = { numHeads: 8, numKvHeads, headDim, stored: 'f16', tokens: 1 };
        const kernels = [
          stepAttentionKernel(spec, 8),
          combineKernel(spec),
          tensorAttentionKernel(causalSource(spec)),
          tensorAttentionKernel(spanSource(spec)),
          packedRotaryKernel(spec).kernel,
        ];
        for (const { code } of kernels) expect(code).not.toMatch(/undefined|NaN|\d\.\d+u/);
        const [heads, , shares] = combineGrid(spec, 1);
        expect(heads * shares).toBeLessThanOrEqual(8 * (headDim / 4));
      }
    }
  });

  it('on matrix units takes whole fragments, and as many tokens as heads leave room for', () => {
    expect(causalTokens(ATTENTION)).toBe(9);
    expect(causalTokens({ numHeads: 16, numKvHeads: 2 })).toBe(8);
    expect(causalTokens({ numHeads: 128, numKvHeads: 1 })).toBe(0);
    expect(tensorAttentionFits(128, 32_768)).toBe(true);
    expect(() => tensorAttentionKernel(spanSource({ numHeads: 2, headDim: 40 }))).toThrow(RangeError);
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

  it('has every template filled, for heads that are no whole number of rows too', () => {
    for (const headDim of [16, 20, 40, 80]) {
      const spec = visionAttentionSpec({ numHeads: 2, headDim }, 64, 49_152);
      const { kernel } = rotaryKernel(spec);
      for (const { code } of [visionAttentionKernel(spec), kernel, patchKernel(PATCHES).kernel])
        expect(code).not.toMatch(/undefined|NaN|\d\.\d+u/);
    }
  });

  it('refuses features that are half a word', () => {
    expect(() => featureKernel(63, 'f16')).toThrow(RangeError);
    expect(featureKernel(63, 'f32').groups).toBe(1);
  });
});

describe('a tuning', () => {
  it('sets what it names', () => {
    expect(parseTuning('')).toEqual(DEFAULT_TUNING);
    expect(parseTuning('tile:128,rowsPerThread:4')).toEqual({ ...DEFAULT_TUNING, tile: 128, rowsPerThread: 4 });
  });

  it.each(['speed:9', 'tile', 'tile:0', 'tile:x'])('refuses %s', (text) => {
    expect(() => parseTuning(text)).toThrow(RangeError);
  });
});
