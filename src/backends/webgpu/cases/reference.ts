/**
 * The scalar reference of the kernels: loops in double precision, independent of tiles, threads and storage.
 * Matrices are `[rows, cols]`, one row after the other.
 */

/** X Wᵀ of x `[tokens, cols]` and weights `[rows, cols]`: `[tokens, rows]`. `from`, `to`: restricts the inputs to this range. */
export function product(
  x: ArrayLike<number>,
  weights: ArrayLike<number>,
  cols: number,
  { from = 0, to = cols }: { readonly from?: number; readonly to?: number } = {},
): Float64Array {
  const rows = weights.length / cols;
  return Float64Array.from({ length: (x.length / cols) * rows }, (_, i) => {
    const [xAt, wAt] = [Math.floor(i / rows) * cols, (i % rows) * cols];
    let sum = 0;
    for (let k = from; k < to; k++) sum += (x[xAt + k] ?? 0) * (weights[wAt + k] ?? 0);
    return sum;
  });
}

/** RMSNorm of rows of `cols` numbers, times `gamma` `[cols]`. */
export function rmsNorm(x: ArrayLike<number>, cols: number, epsilon: number, gamma: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: x.length }, (_, i) => {
    const first = i - (i % cols);
    let squares = 0;
    for (let k = 0; k < cols; k++) squares += (x[first + k] ?? 0) ** 2;
    return ((x[i] ?? 0) / Math.sqrt(squares / cols + epsilon)) * (gamma[i % cols] ?? 0);
  });
}

/** x sigmoid(x). */
export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** 0.5 x (1 + erf(x / sqrt 2)). */
export function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** By its series of positive terms: erf(x) = 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x); // to double precision
  let [term, sum] = [x, 0];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}
