/** WGSL that reads and writes the KV cache and the rotary tables: f16 as pairs in 32-bit words, or f32. Arithmetic is in f32. */

/** The element type of the cache, the rotary tables and the embeddings. */
export type Stored = 'f16' | 'f32';

/**
 * WGSL: `pack8(a, b)` packs eight numbers as `Packed8`, one (f16) or two (f32) vec4s of words, and `unpack8` unpacks them; `pack4` and
 * `unpack4` do the same for four numbers; `split8` gives the two `Packed4` of a `Packed8`.
 */
export function packing(stored: Stored): string {
  return stored === 'f16'
    ? `
alias Packed8 = vec4<u32>;
alias Packed4 = vec2<u32>;
fn pack8(a: vec4<f32>, b: vec4<f32>) -> Packed8 {
  return vec4<u32>(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
}
fn pack4(a: vec4<f32>) -> Packed4 { return vec2<u32>(pack2x16float(a.xy), pack2x16float(a.zw)); }
fn unpack4(words: Packed4) -> vec4<f32> { return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)); }
fn split8(words: Packed8) -> array<Packed4, 2> { return array<Packed4, 2>(words.xy, words.zw); }
fn unpack8(words: Packed8) -> array<vec4<f32>, 2> { return array<vec4<f32>, 2>(unpack4(words.xy), unpack4(words.zw)); }`
    : `
struct Packed8 { a: vec4<f32>, b: vec4<f32> }
alias Packed4 = vec4<f32>;
fn pack8(a: vec4<f32>, b: vec4<f32>) -> Packed8 { return Packed8(a, b); }
fn pack4(a: vec4<f32>) -> Packed4 { return a; }
fn unpack4(words: Packed4) -> vec4<f32> { return words; }
fn split8(words: Packed8) -> array<Packed4, 2> { return array<Packed4, 2>(words.a, words.b); }
fn unpack8(words: Packed8) -> array<vec4<f32>, 2> { return array<vec4<f32>, 2>(words.a, words.b); }`;
}

/** WGSL types of the cache. */
export const CACHE_TYPE = { packed8: 'array<Packed8>', packed4: 'array<Packed4>' } as const;

/** A score whose softmax weight is zero. */
export const MASKED_SCORE = '-1e30';
