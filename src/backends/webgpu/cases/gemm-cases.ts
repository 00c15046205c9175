/** Cases of the tiled GEMM, in f32 (matmul/gemm.ts) and in f16 (matmul/gemm-f16.ts), whole and as split-K. */
import { gemmF16Kernel, gemmF16TileBytes } from '../matmul/gemm-f16.ts';
import { gemmGrid, gemmKernel, type GemmSpec, type GemmTile, gemmTileBytes } from '../matmul/gemm.ts';
import { F16_TILES, F32_TILES } from '../matmul/tiles.ts';
import { type MatrixFormat, isQuantized } from '../weights/weight-reader.ts';
import { QUANTIZED, type Storage, STORAGES, storageName } from './formats.ts';
import type { KernelCase } from './kernel-case.ts';
import { matmulBuffers, type MatmulProblem } from './matmul-problem.ts';
import { splitKRun } from './split-problem.ts';

interface GemmCase extends Omit<MatmulProblem, 'matrices' | 'epilogue'> {
  readonly what: string;
  readonly epilogue: GemmSpec['epilogue'];
  readonly rows: number;
  readonly cols: number;
  readonly tile: GemmTile;
  /** Splits of the inputs (split-K). */
  readonly splits?: number;
}

/** An arithmetic: its name, its kernel, and its tolerance. */
interface Arithmetic {
  readonly name: string;
  readonly isF16: boolean;
  readonly kernel: typeof gemmKernel;
  readonly bytes: (tile: GemmTile) => number;
  readonly tolerance: number;
}

const IN_F32: Arithmetic = { name: 'GEMM', isF16: false, kernel: gemmKernel, bytes: gemmTileBytes, tolerance: 1e-6 };
/** X is rounded to f16, 2^-11 of each number, and a block's sums are f16. */
const IN_F16: Arithmetic = {
  name: 'GEMM in f16',
  isF16: true,
  kernel: gemmF16Kernel,
  bytes: gemmF16TileBytes,
  tolerance: 1e-3,
};

/** Small tiles, which compile faster: both depths, and both placements of threads. */
const SMALL: GemmTile = { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 };
const SHALLOW: GemmTile = { tokens: 8, rows: 32, tokensPerThread: 2, rowsPerThread: 4, depth: 4 };
const SMALL_F16: GemmTile = { tokens: 8, rows: 32, tokensPerThread: 2, rowsPerThread: 4, depth: 8 };

/** For every format, in tiles of both arithmetics. Drivers unroll loops of up to four steps, which multiplies compile time. */
const EACH: readonly Omit<GemmCase, 'tile'>[] = [
  { what: 'odd sizes, bias and GELU', tokens: 5, rows: 21, cols: 160, epilogue: 'gelu', bias: true },
  {
    what: 'a token and a row past a tile, onto the residual',
    tokens: 17,
    rows: 33,
    cols: 160,
    epilogue: 'add',
    bias: true,
  },
  { what: 'zero, large and small rows', tokens: 7, rows: 19, cols: 160, epilogue: 'store', extremes: true },
];

/** Once, because these do not depend on the format. */
const ONCE: readonly Omit<GemmCase, 'tile'>[] = [
  { what: 'one token', tokens: 1, rows: 40, cols: 32, epilogue: 'store' },
  { what: 'split-K of equal splits', tokens: 8, rows: 16, cols: 128, epilogue: 'store', splits: 4 },
  { what: 'the gate times up', tokens: 9, rows: 50, cols: 160, epilogue: 'swiglu', bias: true },
  { what: 'head of the last tokens', tokens: 11, logitsRows: 3, rows: 37, cols: 160, epilogue: 'store' },
];

/** Split-K, for every format: the last split shorter than the others. */
const SPLIT: Omit<GemmCase, 'tile'> = {
  what: 'split-K with a shorter last split, odd sizes',
  tokens: 19,
  rows: 35,
  cols: 160,
  epilogue: 'store',
  splits: 2,
};

/** Every case of a GEMM without subgroup matrices. */
export function gemmCases(): readonly KernelCase[] {
  const q4: Storage = { kind: 'q4', floats: 'f16' };
  const past = (tile: GemmTile): GemmCase => ({
    what: `a token and a row past a tile of ${tile.tokens} x ${tile.rows}`,
    tokens: tile.tokens + 1,
    rows: tile.rows + 1,
    cols: 160,
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
    cols: 139,
    epilogue: 'store',
  };
  return [
    ...STORAGES.flatMap((storage) => [...EACH, SPLIT].map((one, i) => gemmCase(IN_F32, storage, small(one, i)))),
    ...STORAGES.filter((one) => !isQuantized(one)).map((storage) => gemmCase(IN_F32, storage, small(odd, 0))),
    ...[...ONCE.map(small), ...F32_TILES.map(({ tile }) => past(tile))].map((one) => gemmCase(IN_F32, q4, one)),
    ...QUANTIZED.flatMap((storage) => [...EACH, SPLIT].map((one) => gemmCase(IN_F16, storage, smallF16(one)))),
    ...[...ONCE.map(smallF16), ...F16_TILES.map(({ tile }) => past(tile))].map((one) => gemmCase(IN_F16, q4, one)),
  ];
}

function gemmCase({ name, isF16, kernel, bytes, tolerance }: Arithmetic, storage: Storage, one: GemmCase): KernelCase {
  const { what, rows, cols, tile, epilogue, bias, logitsRows, tokens, splits } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  const spec: GemmSpec = {
    label: name,
    matrix,
    tile,
    ...(splits === undefined ? {} : { splits }),
    epilogue,
    ...(bias === undefined ? {} : { bias }),
    logitsRowsOnly: logitsRows !== undefined,
  };
  return {
    name: `${name}, ${storageName(storage)}: ${what}`,
    needs: { f16: isF16, workgroupBytes: bytes(tile) },
    tolerance,
    make: () =>
      splits === undefined
        ? {
            kernel: kernel(spec),
            buffers: matmulBuffers({ ...one, matrices: [matrix], epilogue }),
            grid: gemmGrid(spec, logitsRows ?? tokens),
          }
        : splitKRun({
            kernel: kernel(spec),
            sums: { matrix, tile, splits },
            tokens,
            stepInputs: tile.depth * 4,
          }),
  };
}
