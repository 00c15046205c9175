/** Cases of the GEMV kernel (matmul/gemv.ts): one token and a few. */
import { gemvBytes, gemvGrid, gemvKernel, type GemvSpec, type GemvTile } from '../matmul/gemv.ts';
import { type MatrixFormat, isQuantized } from '../weights/weight-reader.ts';
import { type Storage, STORAGES, storageName } from './formats.ts';
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { KernelCase } from './kernel-case.ts';
import { matmulBuffers, type MatmulProblem } from './matmul-problem.ts';

/** Sums are f32, so the error is little more than their rounding. */
const TOLERANCE = 4e-6;

/** The kernel's four reductions over the threads of a row. */
type Reduction = 'workgroup memory' | 'a subgroup a row' | 'rows sharing a subgroup' | 'several subgroups a row';

interface GemvCase extends Omit<MatmulProblem, 'matrices' | 'epilogue'>, GemvTile {
  readonly what: string;
  readonly epilogue: GemvSpec['epilogue'];
  readonly rows: number;
  readonly cols: number;
  readonly reduction: Reduction;
}

/** Threads of a row reduce through workgroup memory; the subgroup cases adapt to the device's subgroup size. */
const SHARES: GemvTile = { columns: 1, rowsPerThread: 2, threadsPerRow: 8, threads: 32, blocksAhead: 2 };

/** For every format. */
const EACH: readonly GemvCase[] = [
  {
    ...SHARES,
    what: 'one token, norm and bias, odd rows, a block more than the threads of a row',
    tokens: 1,
    rows: 37,
    cols: 288,
    epilogue: 'store',
    bias: true,
    normEpsilon: 1e-6,
    reduction: 'workgroup memory',
  },
  {
    ...SHARES,
    what: 'one token more than columns, onto the residual',
    tokens: 4,
    columns: 3,
    rows: 33,
    cols: 288,
    threadsPerRow: 2,
    threads: 16,
    blocksAhead: 1,
    epilogue: 'add',
    reduction: 'workgroup memory',
  },
  {
    ...SHARES,
    what: 'zero, large and small rows, SwiGLU of two matrices',
    tokens: 3,
    columns: 2,
    rows: 19,
    cols: 64,
    rowsPerThread: 1,
    epilogue: 'swiglu',
    normEpsilon: 1e-6,
    extremes: true,
    reduction: 'workgroup memory',
  },
];

/** Once, because these do not depend on the format. */
const ONCE: readonly GemvCase[] = [
  {
    ...SHARES,
    what: 'head of the last tokens, zero, large and small rows',
    tokens: 5,
    logitsRows: 2,
    rows: 41,
    cols: 160,
    epilogue: 'store',
    extremes: true,
    reduction: 'a subgroup a row',
  },
  ...(['rows sharing a subgroup', 'several subgroups a row', 'a subgroup a row'] as const).map((reduction) => ({
    ...SHARES,
    what: 'norm and bias, two tokens at once',
    tokens: 2,
    columns: 2,
    rows: 21,
    cols: 224,
    epilogue: 'store' as const,
    bias: true,
    normEpsilon: 1e-5,
    reduction,
  })),
  {
    ...SHARES,
    what: 'one row, one block',
    tokens: 1,
    rows: 1,
    cols: 32,
    epilogue: 'store',
    reduction: 'workgroup memory',
  },
];

/** Inputs that are not whole blocks, which only floats allow. */
const ODD_INPUTS: GemvCase = {
  ...SHARES,
  what: 'inputs that are no whole blocks',
  tokens: 2,
  rows: 13,
  cols: 75,
  epilogue: 'store',
  reduction: 'workgroup memory',
};

/** Every case of a GEMV. */
export function gemvCases(): readonly KernelCase[] {
  return [
    ...STORAGES.flatMap((storage) => EACH.map((one) => gemvCase(storage, one))),
    ...ONCE.map((one) => gemvCase({ kind: 'q4', floats: 'f16' }, one)),
    ...STORAGES.filter((storage) => !isQuantized(storage)).map((storage) => gemvCase(storage, ODD_INPUTS)),
  ];
}

function gemvCase(storage: Storage, one: GemvCase): KernelCase {
  const { what, rows, cols, epilogue, bias, normEpsilon, logitsRows, reduction } = one;
  const format: MatrixFormat = { ...storage, rows, cols };
  const matrices = epilogue === 'swiglu' ? [format, format] : [format];
  const specOf = (traits: DeviceTraits): GemvSpec => ({
    ...one,
    label: 'gemv',
    matrices,
    epilogue,
    ...(bias === undefined ? {} : { bias }),
    ...(normEpsilon === undefined ? {} : { normEpsilon }),
    logitsRowsOnly: logitsRows !== undefined,
    ...sharesOf(one, traits),
  });
  return {
    name: `GEMV, ${storageName(storage)}: ${what}; sums by ${reduction}`,
    needs: { subgroups: reduction !== 'workgroup memory' },
    tolerance: TOLERANCE,
    make(traits) {
      const spec = specOf(traits);
      if (gemvBytes(spec) > traits.workgroupBytes) throw new RangeError('a case takes less workgroup memory');
      const kernel = gemvKernel(spec);
      const [x, y] = gemvGrid(spec);
      const buffers = matmulBuffers({ ...one, matrices, epilogue });
      return { kernel, buffers, grid: [x, y, Math.ceil((logitsRows ?? one.tokens) / spec.columns)] };
    },
  };
}

/** Threads for a reduction, given the device's subgroup size. */
function sharesOf(
  { reduction, threads, threadsPerRow }: GemvCase,
  { subgroupSize }: DeviceTraits,
): Pick<GemvSpec, 'threads' | 'threadsPerRow' | 'subgroupSize'> {
  const size = subgroupSize ?? 1;
  switch (reduction) {
    case 'workgroup memory':
      return { threads, threadsPerRow, subgroupSize: null };
    case 'a subgroup a row':
      return { threads: 2 * size, threadsPerRow: size, subgroupSize };
    case 'rows sharing a subgroup':
      return { threads: 2 * size, threadsPerRow: size / 2, subgroupSize };
    case 'several subgroups a row':
      return { threads: 4 * size, threadsPerRow: 2 * size, subgroupSize };
  }
}
