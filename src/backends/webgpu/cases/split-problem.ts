/** Split-K: a product whose inputs are shared out to parts, each of which leaves sums of its own. */
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { type Kernel, roundUp } from '../gpu/kernel.ts';
import { splitKGrid, type SplitSums, sumsStride } from '../matmul/partial-sums.ts';
import { madeUpMatrix, paddedRows, params } from './case-inputs.ts';
import type { CaseRun } from './kernel-case.ts';
import { packedHalves } from './packed-halves.ts';
import { product } from './reference.ts';

/** A product in parts. */
export interface SplitProblem {
  readonly kernel: Kernel;
  readonly sums: SplitSums;
  readonly tokens: number;
  /** Inputs of a step: parts are whole steps. */
  readonly stepInputs: number;
  /** Whether X is f16, packed for the matrix. */
  readonly isPacked?: boolean;
}

/** The run: buffers are the matrix's, `x`, the parts' sums `[parts, tokens, rows]` in whole tiles, `params`. */
export function splitProductRun({ kernel, sums, tokens, stepInputs, isPacked = false }: SplitProblem): CaseRun {
  const { matrix, tile } = sums;
  const { rows, cols } = matrix;
  const random = pseudoRandom();
  const { arrays, weights } = madeUpMatrix(matrix, random);
  const made = random(tokens * cols);
  const x = isPacked ? f16ToF32(f32ToF16(made)) : made;
  const inputs = roundUp(cols, 32);
  const [padded, stride] = [roundUp(tokens, tile.tokens), sumsStride(sums)];
  const each = Math.ceil(inputs / stepInputs / tile.parts) * stepInputs;
  // Beyond the last token and row anything will do.
  const values = new Float32Array(tile.parts * padded * stride).fill(NaN);
  const scales = new Float32Array(values.length);
  for (let part = 0; part < tile.parts; part++) {
    const range = { from: Math.min(cols, part * each), to: Math.min(cols, (part + 1) * each) };
    const found = product(x, weights, cols, range);
    const sizes = product(x.map(Math.abs), weights.map(Math.abs), cols, range);
    for (let i = 0; i < found.length; i++) {
      const at = (part * padded + Math.floor(i / rows)) * stride + (i % rows);
      values[at] = found[i] ?? NaN;
      scales[at] = sizes[i] ?? NaN;
    }
  }
  const rowsOfX = paddedRows(x, cols, inputs);
  return {
    kernel,
    buffers: [
      ...arrays.map((data) => ({ data })),
      { data: isPacked ? packedHalves(rowsOfX, matrix) : rowsOfX },
      { expected: { values, scales, type: 'f32', cols: stride, stride } },
      { data: params({ tokens }) },
    ],
    grid: splitKGrid(sums, tokens),
  };
}
