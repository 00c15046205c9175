/** Cases of the tiled GEMM, in f32 (matmul/gemm.ts) and in f16 (matmul/gemm-f16.ts), whole and as split-K. */
import { halvesMatmulKernel, halvesTileBytes } from '../matmul/gemm-f16.ts';
import { matmulGrid, matmulKernel, type MatmulSpec, type Tile, tileBytes } from '../matmul/gemm.ts';
import { type MatrixFormat, isQuantized } from '../weights/weight-reader.ts';
import { QUANTIZED, type Storage, STORAGES, storageName } from './formats.ts';
import type { KernelCase } from './kernel-case.ts';
import { productBuffers, type ProductProblem } from './product-problem.ts';
import { splitProductRun } from './split-problem.ts';

interface GemmCase extends Omit<ProductProblem, 'matrices' | 'epilogue'> {
  readonly what: string;
  readonly epilogue: MatmulSpec['epilogue'];
  readonly rows: number;
  readonly cols: number;
  readonly tile: Tile;
  /** Parts of the inputs, of a split-K. */
  readonly parts?: number;
}

/** The kernel of an arithmetic: what it is called, how it is made, and how much it may lose. */
interface Arithmetic {
  readonly name: string;
  readonly isF16: boolean;
  readonly kernel: typeof matmulKernel;
  readonly bytes: (tile: Tile) => number;
  readonly tolerance: number;
}

const IN_F32: Arithmetic = { name: 'gemm', isF16: false, kernel: matmulKernel, bytes: tileBytes, tolerance: 1e-6 };
/** X is rounded to f16, 2^-11 of each number, and a block's sums are f16. */
const IN_F16: Arithmetic = {
  name: 'gemm in f16',
  isF16: true,
  kernel: halvesMatmulKernel,
  bytes: halvesTileBytes,
  tolerance: 1e-3,
};

/** Small tiles compile in less time; both depths, and both ways to place threads. */
const SMALL: Tile = { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 };
const SHALLOW: Tile = { tokens: 8, rows: 32, tokensPerThread: 2, rowsPerThread: 4, depth: 4 };
const SMALL_F16: Tile = { tokens: 8, rows: 32, tokensPerThread: 2, rowsPerThread: 4, depth: 8 };

/** For every format, in tiles of both arithmetics' own. */
const EACH: readonly Omit<GemmCase, 'tile'>[] = [
  { what: 'odd sizes, bias and GELU', tokens: 5, rows: 21, cols: 96, epilogue: 'gelu', bias: true },
  {
    what: 'a token and a row past a tile, onto the residual',
    tokens: 17,
    rows: 33,
    cols: 64,
    epilogue: 'add',
    bias: true,
  },
  { what: 'zero, large and small rows', tokens: 7, rows: 19, cols: 160, epilogue: 'store', extremes: true },
];

/** Once: what a format does not decide. */
const ONCE: readonly Omit<GemmCase, 'tile'>[] = [
  { what: 'one token', tokens: 1, rows: 40, cols: 32, epilogue: 'store' },
  { what: 'split-K of equal parts', tokens: 8, rows: 16, cols: 128, epilogue: 'store', parts: 4 },
  { what: 'the gate times up', tokens: 9, rows: 50, cols: 64, epilogue: 'gate', bias: true },
  { what: 'head of the last tokens', tokens: 11, wanted: 3, rows: 37, cols: 64, epilogue: 'store' },
];

/** Split-K, for every format: the last part shorter than the others. */
const SPLIT: Omit<GemmCase, 'tile'> = {
  what: 'split-K with a shorter last part, odd sizes',
  tokens: 19,
  rows: 35,
  cols: 160,
  epilogue: 'store',
  parts: 2,
};

/** The tiles that devices use (matmul/select-gemm.ts, matmul/split-k-layer.ts), a token and a row past each. */
const TUNED_F32: readonly Tile[] = [
  { tokens: 32, rows: 32, tokensPerThread: 4, rowsPerThread: 4, depth: 8 },
  { tokens: 64, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 },
  { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 },
];
const TUNED_F16: readonly Tile[] = [
  { tokens: 16, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 },
  { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 },
  { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 },
];

/** Every case of a GEMM without subgroup matrices. */
export function gemmCases(): readonly KernelCase[] {
  const q4: Storage = { kind: 'q4', floats: 'f16' };
  const past = (tile: Tile): GemmCase => ({
    what: `a token and a row past a tile of ${tile.tokens} x ${tile.rows}`,
    tokens: tile.tokens + 1,
    rows: tile.rows + 1,
    cols: 64,
    epilogue: 'store',
    tile,
  });
  const small = (one: Omit<GemmCase, 'tile'>, i: number): GemmCase => ({ ...one, tile: i % 2 === 0 ? SMALL : SHALLOW });
  const smallF16 = (one: Omit<GemmCase, 'tile'>): GemmCase => ({ ...one, tile: SMALL_F16 });
  const odd: Omit<GemmCase, 'tile'> = {
    ...ONCE[0],
    what: 'inputs that are no whole blocks',
    tokens: 3,
    rows: 18,
    cols: 75,
    epilogue: 'store',
  };
  return [
    ...STORAGES.flatMap((storage) => [...EACH, SPLIT].map((one, i) => gemmCase(IN_F32, storage, small(one, i)))),
    ...STORAGES.filter((one) => !isQuantized(one)).map((storage) => gemmCase(IN_F32, storage, small(odd, 0))),
    ...[...ONCE.map(small), ...TUNED_F32.map(past)].map((one) => gemmCase(IN_F32, q4, one)),
    ...QUANTIZED.flatMap((storage) => [...EACH, SPLIT].map((one) => gemmCase(IN_F16, storage, smallF16(one)))),
    ...[...ONCE.map(smallF16), ...TUNED_F16.map(past)].map((one) => gemmCase(IN_F16, q4, one)),
  ];
}

function gemmCase({ name, isF16, kernel, bytes, tolerance }: Arithmetic, storage: Storage, one: GemmCase): KernelCase {
  const { what, rows, cols, tile, epilogue, bias, wanted, tokens, parts } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  const spec: MatmulSpec = {
    label: name,
    matrix,
    epilogue,
    ...(bias === undefined ? {} : { bias }),
    wantedOnly: wanted !== undefined,
  };
  return {
    name: `${name}, ${storageName(storage)}: ${what}`,
    needs: { f16: isF16, workgroupBytes: bytes(tile) },
    tolerance,
    make: () =>
      parts === undefined
        ? {
            kernel: kernel(spec, tile),
            buffers: productBuffers({ ...one, matrices: [matrix], epilogue }),
            grid: matmulGrid(spec, tile, wanted ?? tokens),
          }
        : splitProductRun({
            kernel: kernel(spec, tile, parts),
            sums: { matrix, tile: { ...tile, parts } },
            tokens,
            stepInputs: tile.depth * 4,
          }),
  };
}
