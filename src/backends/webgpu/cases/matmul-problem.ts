/** Y = X Wᵀ as every matrix kernel computes it: made-up inputs in the order of their bindings, and the expected Y. */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { paramWords } from '../gpu/kernel.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { guardedRows, madeUpMatrix, madeUpRows, paddedRows, type Random } from './case-inputs.ts';
import type { CaseBuffer } from './kernel-case.ts';
import { gelu, product, rmsNorm, silu } from './reference.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** A GEMV or GEMM with its optional RMSNorm and its epilogue. */
export interface MatmulProblem {
  /** One matrix. For `swiglu` gate and up; or up alone, with the gate's result in y. */
  readonly matrices: readonly MatrixFormat[];
  readonly tokens: number;
  readonly epilogue: 'store' | 'add' | 'swiglu' | 'gelu';
  readonly bias?: boolean;
  readonly normEpsilon?: number;
  /** Computes only this many last tokens, into rows without padding. */
  readonly logitsRows?: number;
  /** Large, small and zero rows of both sides. */
  readonly extremes?: boolean;
  /** The largest number of the kernel's type: extremes among the weights stay within it, the result of `swiglu` is clamped to it. */
  readonly largest?: number;
}

/** Numbers, and the scales of their errors: the sums of the magnitudes of their terms. */
interface Sums {
  readonly values: Float64Array;
  readonly scales: Float64Array;
}

/** Buffers: the matrices', `x`, `y`, `bias` and `gamma` if present, `params`. */
export function matmulBuffers(problem: MatmulProblem, random: Random = pseudoRandom()): readonly CaseBuffer[] {
  const { matrices, tokens, epilogue, normEpsilon, logitsRows, extremes = false, largest } = problem;
  const { rows, cols } = matrices[0] ?? { rows: 0, cols: 0 };
  const made = matrices.map((format) => madeUpMatrix(format, random, extremes, largest));
  const x = madeUpRows(tokens, cols, random, extremes);
  const bias = problem.bias === true ? random(rows) : null;
  const gamma = normEpsilon === undefined ? null : random(cols).map((value) => 1 + value / 2);
  const first = tokens - (logitsRows ?? tokens);
  const chosen = x.subarray(first * cols);
  const count = tokens - first;
  const input = gamma === null || normEpsilon === undefined ? chosen : rmsNorm(chosen, cols, normEpsilon, gamma);
  const sums = made.map(({ weights }, i) => sumsOf(input, weights, cols, i === 0 ? bias : null));
  const before =
    epilogue === 'add' || (epilogue === 'swiglu' && matrices.length === 1)
      ? random(count * rows).map((value) => value * 4)
      : null;
  const { values, scales } = finished(problem, sums, before);

  const stride = logitsRows === undefined ? paddedWidth(rows) : rows;
  const expected = {
    values: Float32Array.from(values),
    scales: Float32Array.from(scales),
    type: 'f32',
    cols: rows,
    stride,
  } as const;
  return [
    ...made.flatMap(({ arrays }) => arrays.map((data) => ({ data }))),
    { data: paddedRows(x, cols, paddedWidth(cols)) },
    before === null ? { expected } : { expected, data: guardedRows(before, rows, stride) },
    ...(bias === null ? [] : [{ data: bias }]),
    ...(gamma === null ? [] : [{ data: new Float32Array(paddedRows(gamma, cols, paddedWidth(cols))) }]),
    { data: paramWords(logitsRows === undefined ? { tokens } : { tokens, firstLogitsRow: first, logitsRows }) },
  ];
}

function sumsOf(x: ArrayLike<number>, weights: Float32Array, cols: number, bias: Float32Array | null): Sums {
  const rows = weights.length / cols;
  const biasOf = (i: number): number => bias?.[i % rows] ?? 0;
  const sizes = product(Float64Array.from(x, Math.abs), weights.map(Math.abs), cols);
  return {
    values: product(x, weights, cols).map((value, i) => value + biasOf(i)),
    scales: sizes.map((value, i) => value + Math.abs(biasOf(i))),
  };
}

/** Applies the epilogue. Errors propagate through silu and gelu, whose slope is at most 1.13. */
function finished(
  { epilogue, largest = Infinity }: MatmulProblem,
  [sums, others]: readonly Sums[],
  before: Float32Array | null,
): Sums {
  if (sums === undefined) throw new RangeError('a product has a matrix');
  const at = (array: ArrayLike<number> | null | undefined, i: number): number => array?.[i] ?? 0;
  switch (epilogue) {
    case 'store':
      return sums;
    case 'gelu':
      return { values: sums.values.map(gelu), scales: sums.scales.map((scale) => 1.13 * scale) };
    case 'add':
      return {
        values: sums.values.map((value, i) => value + at(before, i)),
        scales: sums.scales.map((scale, i) => scale + Math.abs(at(before, i))),
      };
    case 'swiglu':
      if (before !== null) return swigluOf(sums, before, largest);
      return {
        values: sums.values.map((gate, i) => silu(gate) * at(others?.values, i)),
        scales: sums.scales.map(
          (scale, i) =>
            1.1 * scale * Math.abs(at(others?.values, i)) + Math.abs(silu(at(sums.values, i))) * at(others?.scales, i),
        ),
      };
  }
}

/** SwiGLU: silu of y times the sums. */
function swigluOf({ values, scales }: Sums, gate: Float32Array, largest: number): Sums {
  const factors = Float64Array.from(gate, silu);
  return {
    values: values.map((value, i) => Math.max(-largest, Math.min(largest, (factors[i] ?? 0) * value))),
    scales: scales.map((scale, i) => Math.abs(factors[i] ?? 0) * scale),
  };
}
