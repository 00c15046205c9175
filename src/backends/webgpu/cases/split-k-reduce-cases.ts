/** Cases of the split-K reductions (matmul/split-k-reduce.ts): bias, SwiGLU, residual and RMSNorm. */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { type Kernel, roundUp, paramWords } from '../gpu/kernel.ts';
import { LARGEST_F16 } from '../matmul/gemm-subgroup-matrix.ts';
import { type PartialSums, partialSumStride } from '../matmul/partial-sums.ts';
import { reduceBiasKernel, reduceSwigluKernel, reduceNormKernel } from '../matmul/split-k-reduce.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { guardedRows, madeUpRows, type Random } from './case-inputs.ts';
import type { CaseBuffer, CaseRun, KernelCase } from './kernel-case.ts';
import { inPackedOrder } from './packed-f16.ts';
import { rmsNorm, silu } from './reference.ts';

/** For f32 results: sums of a few splits. */
const TOLERANCE = 1e-6;
/** For f16 results: 2^-11 from rounding. */
const TOLERANCE_F16 = 6e-4;
const EPSILON = 1e-6;

/** Sizes of partial sums: tokens and rows past a tile, or one of each. */
interface Sizes {
  readonly what: string;
  readonly tokens: number;
  readonly rows: number;
  readonly splits: number;
  /** Zero, large and small tokens. */
  readonly extremes?: boolean;
}

const SIZES: readonly Sizes[] = [
  { what: 'one token, one split', tokens: 1, rows: 32, splits: 1 },
  { what: 'a token past a tile, rows past a workgroup, 3 splits', tokens: 17, rows: 544, splits: 3 },
  { what: 'zero, large and small tokens, 4 splits', tokens: 6, rows: 96, splits: 4, extremes: true },
];

/** Only once: drivers unroll the sum of the splits, which multiplies compile time. */
const MANY_SPLITS: Sizes = { what: '16 splits', tokens: 3, rows: 64, splits: 16 };

/** How the next GEMM reads the result: f32, or f16 packed for its matrix. */
type Next = MatrixFormat['kind'] | 'f32';
const NEXT: readonly Next[] = ['f32', 'q4', 'q8', 'floats'];

/** Every case of the reductions. */
export function splitKReduceCases(): readonly KernelCase[] {
  return [
    ...SIZES.flatMap((sizes) => [
      biasCase(sizes),
      ...NEXT.flatMap((next) => [gatedCase(sizes, next), normCase(sizes, next, true)]),
      ...(['f32', 'q4'] as const).map((next) => normCase(sizes, next, false)),
    ]),
    biasCase(MANY_SPLITS),
  ];
}

function matrixOf(next: Next, side: number): MatrixFormat | null {
  return next === 'f32' ? null : { kind: next, floats: 'f16', rows: side, cols: side };
}

/** Partial sums `[splits, tokens, rows]`, whose padding no kernel may use, and their sum `[tokens, rows]`. */
function partialSums(
  { tokens, rows, splits, extremes = false }: Sizes,
  random: Random,
): { readonly sums: PartialSums; readonly data: Float32Array<ArrayBuffer>; readonly whole: Float64Array } {
  const matrix: MatrixFormat = { kind: 'q4', floats: 'f16', rows, cols: 32 };
  const sums: PartialSums = { matrix, tile: { tokens: 16, rows: 64 }, splits };
  const [padded, stride] = [roundUp(tokens, 16), partialSumStride(sums)];
  const data = new Float32Array(splits * padded * stride).fill(NaN);
  const whole = new Float64Array(tokens * rows);
  for (let split = 0; split < splits; split++) {
    madeUpRows(tokens, rows, random, extremes).forEach((value, i) => {
      data[(split * padded + Math.floor(i / rows)) * stride + (i % rows)] = value;
      whole[i] = (whole[i] ?? 0) + value;
    });
  }
  return { sums, data, whole };
}

/** An output of rows without padding, as the next GEMM reads it. */
function outputOf(values: Float64Array, cols: number, next: Next): CaseBuffer {
  const inF32 = Float32Array.from(values);
  if (next === 'f32') return { expected: { values: inF32, type: 'f32', cols, stride: cols } };
  return { expected: { values: inPackedOrder(inF32, { kind: next }), type: 'f16', cols, stride: cols } };
}

function caseOf(name: string, next: Next, make: () => CaseRun): KernelCase {
  return { name, needs: {}, tolerance: next === 'f32' ? TOLERANCE : TOLERANCE_F16, make };
}

function biasCase(sizes: Sizes): KernelCase {
  return caseOf(`split-K reduction, bias: ${sizes.what}`, 'f32', () => {
    const random = pseudoRandom();
    const { sums, data, whole } = partialSums(sizes, random);
    const bias = random(sizes.rows);
    const { kernel, groups } = reduceBiasKernel(sums);
    const y = whole.map((value, i) => value + (bias[i % sizes.rows] ?? 0));
    const buffers = [
      { data },
      { data: bias },
      outputOf(y, sizes.rows, 'f32'),
      { data: paramWords({ tokens: sizes.tokens }) },
    ];
    return { kernel, buffers, grid: [groups, sizes.tokens] };
  });
}

function gatedCase(sizes: Sizes, next: Next): KernelCase {
  return caseOf(`split-K reduction, SwiGLU to ${next}: ${sizes.what}`, next, () => {
    const random = pseudoRandom();
    const gate = partialSums(sizes, random);
    const up = partialSums(sizes, random);
    const { kernel, groups } = reduceSwigluKernel(gate.sums, matrixOf(next, sizes.rows));
    const largest = next === 'f32' ? Infinity : LARGEST_F16;
    const y = gate.whole.map((value, i) => Math.max(-largest, Math.min(largest, silu(value) * (up.whole[i] ?? 0))));
    const buffers = [
      { data: gate.data },
      { data: up.data },
      outputOf(y, sizes.rows, next),
      { data: paramWords({ tokens: sizes.tokens }) },
    ];
    return { kernel, buffers, grid: [groups, sizes.tokens] };
  });
}

/** `hasSums`: false for the norm alone, before the first layer. */
function normCase(sizes: Sizes, next: Next, hasSums: boolean): KernelCase {
  const what = hasSums ? 'residual and RMSNorm' : 'RMSNorm alone';
  return caseOf(`split-K reduction, ${what} to ${next}: ${sizes.what}`, next, () => {
    const { tokens, rows: cols, extremes } = sizes;
    const random = pseudoRandom();
    const { sums, data, whole } = partialSums(sizes, random);
    const stream = madeUpRows(tokens, cols, random, extremes);
    const gamma = random(cols);
    const hidden = hasSums
      ? Float64Array.from(stream, (value, i) => value + (whole[i] ?? 0))
      : Float64Array.from(stream);
    const kernel: Kernel = reduceNormKernel({
      sums: hasSums ? sums : null,
      cols,
      epsilon: EPSILON,
      packedFor: matrixOf(next, cols),
    });
    const kept = { values: Float32Array.from(hidden), type: 'f32', cols, stride: cols } as const;
    const buffers: readonly CaseBuffer[] = [
      ...(hasSums ? [{ data }] : []),
      hasSums ? { data: guardedRows(stream, cols, cols), expected: kept } : { data: stream },
      { data: gamma },
      outputOf(rmsNorm(hidden, cols, EPSILON, gamma), cols, next),
      { data: paramWords({ tokens }) },
    ];
    return { kernel, buffers, grid: [tokens] };
  });
}
