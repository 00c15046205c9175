/** Cases of GEMM and split-K on subgroup matrices (matmul/gemm-subgroup-matrix.ts, matmul/split-k.ts). They need a card. */
import { LARGEST_F16, tensorMatmulKernel, type TensorTile, tensorTileBytes } from '../matmul/gemm-subgroup-matrix.ts';
import { matmulGrid, type MatmulSpec } from '../matmul/gemm.ts';
import { type SplitK, splitKBytes, splitKKernel, type SplitKTile } from '../matmul/split-k.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { type Storage, STORAGES, storageName } from './formats.ts';
import type { KernelCase } from './kernel-case.ts';
import { productBuffers, type ProductProblem } from './product-problem.ts';
import { splitProductRun } from './split-problem.ts';

/** X and weights are rounded to f16, 2^-11 of each number; products are exact, sums f32. */
const TOLERANCE = 1e-3;

interface GemmCase extends Omit<ProductProblem, 'matrices' | 'epilogue'> {
  readonly what: string;
  readonly epilogue: MatmulSpec['epilogue'];
  readonly rows: number;
  readonly cols: number;
}

/** The tiles that devices use (matmul/select-gemm.ts). */
const TILES: readonly TensorTile[] = [
  { tokens: 32, rows: 32, alongTokens: 2, alongRows: 2, depth: 4 },
  { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 2 },
];

const GEMM: readonly GemmCase[] = [
  { what: 'odd sizes, bias and GELU', tokens: 5, rows: 21, cols: 96, epilogue: 'gelu', bias: true },
  {
    what: 'a token and a row past a tile, onto the residual',
    tokens: 33,
    rows: 129,
    cols: 128,
    epilogue: 'add',
    bias: true,
  },
  { what: 'the gate times up', tokens: 129, rows: 40, cols: 256, epilogue: 'gate', bias: true },
  { what: 'head of the last tokens', tokens: 11, wanted: 1, rows: 37, cols: 64, epilogue: 'store' },
];

/** Split-K tiles (matmul/split-k-layer.ts), an odd number of blocks among them. */
const SPLIT: readonly {
  readonly what: string;
  readonly tokens: number;
  readonly rows: number;
  readonly cols: number;
  readonly tile: SplitKTile;
}[] = [
  {
    what: 'split-K of equal parts, odd sizes',
    tokens: 19,
    rows: 96,
    cols: 256,
    tile: { tokens: 32, rows: 64, subgroups: 4, depth: 2, parts: 2 },
  },
  {
    what: 'split-K of odd blocks, the last part shorter, a token past a tile',
    tokens: 65,
    rows: 160,
    cols: 160,
    tile: { tokens: 64, rows: 64, subgroups: 2, depth: 1, parts: 2 },
  },
  {
    what: 'split-K in wide tiles, one token',
    tokens: 1,
    rows: 128,
    cols: 512,
    tile: { tokens: 32, rows: 128, subgroups: 4, depth: 2, parts: 4 },
  },
];

/** Every case on subgroup matrices. */
export function subgroupMatrixCases(): readonly KernelCase[] {
  return STORAGES.flatMap((storage) => [
    ...GEMM.flatMap((one) => TILES.map((tile) => gemmCase(storage, one, tile))),
    ...SPLIT.flatMap((one) => (['f16', 'f32'] as const).map((x) => splitCase(storage, one, x))),
  ]);
}

function gemmCase(storage: Storage, one: GemmCase, tile: TensorTile): KernelCase {
  const { what, rows, cols, epilogue, bias, wanted, tokens } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  const optional = bias === undefined ? {} : { bias };
  const spec: MatmulSpec = { label: 'gemm', matrix, epilogue, ...optional, wantedOnly: wanted !== undefined };
  return {
    name: `gemm on subgroup matrices, ${storageName(storage)}: ${what}; tile ${tile.tokens} x ${tile.rows}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: tensorTileBytes(tile) },
    tolerance: TOLERANCE,
    make: () => ({
      kernel: tensorMatmulKernel(spec, tile),
      buffers: productBuffers({ ...one, matrices: [matrix], epilogue, largest: LARGEST_F16 }),
      grid: matmulGrid(spec, tile, wanted ?? tokens),
    }),
  };
}

function splitCase(storage: Storage, one: (typeof SPLIT)[number], x: SplitK['x']): KernelCase {
  const { what, tokens, rows, cols, tile } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  return {
    name: `split-K on subgroup matrices, ${storageName(storage)}: ${what}; X ${x}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: splitKBytes(tile) },
    tolerance: TOLERANCE,
    make: () =>
      splitProductRun({
        kernel: splitKKernel({ label: 'split-K', matrix, x, tile }),
        sums: { matrix, tile },
        tokens,
        stepInputs: tile.depth * 32,
        isPacked: x === 'f16',
      }),
  };
}
