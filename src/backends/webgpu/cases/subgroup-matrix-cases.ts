/** Cases of GEMM and split-K on subgroup matrices (matmul/gemm-subgroup-matrix.ts, matmul/split-k.ts). They need a GPU. */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import {
  LARGEST_F16,
  subgroupMatrixGemmKernel,
  type SubgroupMatrixTile,
  subgroupMatrixTileBytes,
} from '../matmul/gemm-subgroup-matrix.ts';
import { gemmGrid, type GemmOperation } from '../matmul/gemm.ts';
import { splitKBytes, splitKKernel, type SplitKSpec, type SplitKTile } from '../matmul/split-k.ts';
import { SUBGROUP_MATRIX_TILES } from '../matmul/tiles.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { type Storage, STORAGES, storageName } from './formats.ts';
import type { KernelCase } from './kernel-case.ts';
import { matmulBuffers, type MatmulProblem } from './matmul-problem.ts';
import { splitKRun } from './split-problem.ts';

/** X and weights are rounded to f16, 2^-11 of each number; products are exact, sums f32. */
const TOLERANCE = 1e-3;

interface GemmCase extends Omit<MatmulProblem, 'matrices' | 'epilogue'> {
  readonly what: string;
  readonly epilogue: GemmOperation['epilogue'];
  readonly rows: number;
  readonly cols: number;
}

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
  {
    what: 'the gate times up, zero, large and small rows, some clamped to f16',
    tokens: 129,
    rows: 40,
    cols: 256,
    epilogue: 'swiglu',
    bias: true,
    extremes: true,
  },
  { what: 'head of the last tokens', tokens: 11, logitsRows: 1, rows: 37, cols: 64, epilogue: 'store' },
];

/** Split-K tiles (matmul/split-k-layer.ts), an odd number of blocks among them. */
const SPLIT: readonly {
  readonly what: string;
  readonly tokens: number;
  readonly rows: number;
  readonly cols: number;
  readonly tile: SplitKTile;
  readonly splits: number;
  readonly extremes?: boolean;
}[] = [
  {
    what: 'split-K of equal splits, odd sizes',
    tokens: 19,
    rows: 96,
    cols: 256,
    tile: { tokens: 32, rows: 64, subgroups: 4, depth: 2 },
    splits: 2,
  },
  {
    what: 'split-K of odd blocks, the last split shorter, a token past a tile',
    tokens: 65,
    rows: 160,
    cols: 160,
    tile: { tokens: 64, rows: 64, subgroups: 2, depth: 1 },
    splits: 2,
  },
  {
    what: 'split-K in wide tiles, zero, large and small rows',
    tokens: 6,
    rows: 128,
    cols: 512,
    tile: { tokens: 32, rows: 128, subgroups: 4, depth: 2 },
    splits: 4,
    extremes: true,
  },
];

/** Every case on subgroup matrices. */
export function subgroupMatrixCases(): readonly KernelCase[] {
  return STORAGES.flatMap((storage) => [
    ...GEMM.flatMap((one) => SUBGROUP_MATRIX_TILES.map(({ tile }) => gemmCase(storage, one, tile))),
    ...SPLIT.flatMap((one) => (['f16', 'f32'] as const).map((x) => splitCase(storage, one, x))),
  ]);
}

function gemmCase(storage: Storage, one: GemmCase, tile: SubgroupMatrixTile): KernelCase {
  const { what, rows, cols, epilogue, bias, logitsRows, tokens } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  const optional = bias === undefined ? {} : { bias };
  const spec: GemmOperation = {
    label: 'gemm',
    matrix,
    epilogue,
    ...optional,
    logitsRowsOnly: logitsRows !== undefined,
  };
  return {
    name: `GEMM on subgroup matrices, ${storageName(storage)}: ${what}; tile ${tile.tokens} x ${tile.rows}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: subgroupMatrixTileBytes(tile) },
    tolerance: TOLERANCE,
    make: () => ({
      kernel: subgroupMatrixGemmKernel({ ...spec, tile }),
      buffers: matmulBuffers({ ...one, matrices: [matrix], epilogue, largest: LARGEST_F16 }),
      grid: gemmGrid({ matrix, tile }, logitsRows ?? tokens),
    }),
  };
}

function splitCase(storage: Storage, one: (typeof SPLIT)[number], x: SplitKSpec['x']): KernelCase {
  const { what, tokens, rows, cols, tile, splits, extremes } = one;
  const matrix: MatrixFormat = { ...storage, rows, cols };
  return {
    name: `split-K on subgroup matrices, ${storageName(storage)}: ${what}; X ${x}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: splitKBytes(tile) },
    tolerance: TOLERANCE,
    make: () =>
      splitKRun({
        kernel: splitKKernel({ label: 'split-K', matrix, x, tile, splits }),
        sums: { matrix, tile, splits },
        tokens,
        stepInputs: tile.depth * QUANT_BLOCK,
        isPacked: x === 'f16',
        ...(extremes === undefined ? {} : { extremes }),
      }),
  };
}
