/** Rotary frequencies, rounded to f32 where the reference rounds them. Source: transformers modeling_qwen2_5_vl.py. */

/** Inverse frequencies of a rotation of `size` channels with base `theta`: `[size / 2]`, theta^(-2 j / size). */
export function inverseFrequencies(theta: number, size: number): Float32Array {
  return Float32Array.from({ length: size / 2 }, (_, j) => 1 / Math.fround(theta ** Math.fround((2 * j) / size)));
}
