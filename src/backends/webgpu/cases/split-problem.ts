/** A split-K GEMM: each output has one partial sum per split of the inputs. */
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { type Kernel, roundUp, paramWords } from '../gpu/kernel.ts';
import { LARGEST_F16 } from '../matmul/gemm-subgroup-matrix.ts';
import { splitKGrid, type PartialSums, partialSumStride } from '../matmul/partial-sums.ts';
import { madeUpMatrix, madeUpRows, paddedRows } from './case-inputs.ts';
import type { CaseRun } from './kernel-case.ts';
import { packedF16 } from './packed-f16.ts';
import { product } from './reference.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** A split-K GEMM. */
export interface SplitProblem {
  readonly kernel: Kernel;
  readonly sums: PartialSums;
  readonly tokens: number;
  /** Inputs per step: splits are whole steps. */
  readonly stepInputs: number;
  /** Whether X is f16, packed for the matrix. */
  readonly isPacked?: boolean;
  /** Large, small and zero rows of both sides, within f16. */
  readonly extremes?: boolean;
}

/** The run: buffers are the matrix's, `x`, the partial sums `[splits, tokens, rows]` in whole tiles, `params`. */
export function splitKRun(problem: SplitProblem): CaseRun {
  const { kernel, sums, tokens, stepInputs, isPacked = false, extremes = false } = problem;
  const { matrix, tile, splits } = sums;
  const { rows, cols } = matrix;
  const random = pseudoRandom();
  const { arrays, weights } = madeUpMatrix(matrix, random, extremes, LARGEST_F16);
  const made = madeUpRows(tokens, cols, random, extremes);
  const x = isPacked ? f16ToF32(f32ToF16(made)) : made;
  const inputs = paddedWidth(cols);
  const [padded, stride] = [roundUp(tokens, tile.tokens), partialSumStride(sums)];
  const each = Math.ceil(inputs / stepInputs / splits) * stepInputs;
  // NaN past the last token and row accepts any value.
  const values = new Float32Array(splits * padded * stride).fill(NaN);
  const scales = new Float32Array(values.length);
  for (let split = 0; split < splits; split++) {
    const range = { from: Math.min(cols, split * each), to: Math.min(cols, (split + 1) * each) };
    const found = product(x, weights, cols, range);
    const sizes = product(x.map(Math.abs), weights.map(Math.abs), cols, range);
    for (let i = 0; i < found.length; i++) {
      const at = (split * padded + Math.floor(i / rows)) * stride + (i % rows);
      values[at] = found[i] ?? NaN;
      scales[at] = sizes[i] ?? NaN;
    }
  }
  const rowsOfX = paddedRows(x, cols, inputs);
  return {
    kernel,
    buffers: [
      ...arrays.map((data) => ({ data })),
      { data: isPacked ? packedF16(rowsOfX, matrix) : rowsOfX },
      { expected: { values, scales, type: 'f32', cols: stride, stride } },
      { data: paramWords({ tokens }) },
    ],
    grid: splitKGrid(sums, tokens),
  };
}
