/** WGSL that reads and writes the KV cache and the rotary tables: f16 as pairs in 32-bit words, or f32. Arithmetic is in f32. */

/** Type of the cache, the rotary tables and the embeddings. */
export type Stored = 'f16' | 'f32';

/**
 * `pack8(a, b)` and `unpack8(words)`: eight numbers as `Eight`, one (f16) or two (f32) vec4 of words, and back; `pack4`, `unpack4`: four; `fours8`: its two `Four`.
 */
export function packing(stored: Stored): string {
  return stored === 'f16'
    ? `
alias Eight = vec4<u32>;
alias Four = vec2<u32>;
fn pack8(a: vec4<f32>, b: vec4<f32>) -> Eight {
  return vec4<u32>(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}
fn pack4(a: vec4<f32>) -> Four { return vec2<u32>(pack2x16float(a.xy), pack2x16float(a.zw)); }
fn unpack4(words: Four) -> vec4<f32> { return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)); }
fn fours8(words: Eight) -> array<Four, 2> { return array<Four, 2>(words.xy, words.zw); }
fn unpack8(words: Eight) -> array<vec4<f32>, 2> { return array<vec4<f32>, 2>(unpack4(words.xy), unpack4(words.zw)); }`
    : `
struct Eight { a: vec4<f32>, b: vec4<f32> }
alias Four = vec4<f32>;
fn pack8(a: vec4<f32>, b: vec4<f32>) -> Eight { return Eight(a, b); }
fn pack4(a: vec4<f32>) -> Four { return a; }
fn unpack4(words: Four) -> vec4<f32> { return words; }
fn fours8(words: Eight) -> array<Four, 2> { return array<Four, 2>(words.a, words.b); }
fn unpack8(words: Eight) -> array<vec4<f32>, 2> { return array<vec4<f32>, 2>(words.a, words.b); }`;
}
