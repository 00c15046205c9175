/** Exact GELU in WGSL: 0.5 x (1 + erf(x / sqrt 2)), not the tanh approximation. */

/**
 * The function `gelu(x: f32) -> f32`. WGSL has no erf; this approximation is off by at most 1.5e-7.
 * Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
 */
export const GELU = `
fn gelu(x: f32) -> f32 {
  let z = abs(x) * ${Math.SQRT1_2}f;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * exp(-z * z);
  return x * select(0.5 * tail, 1.0 - 0.5 * tail, x >= 0.0);
}`;
