/** Rotary positions of queries and keys, and the kernel that writes new keys and values into the cache. */
import { type Binding, kernel, type Kernel, PARAMS } from '../gpu/kernel.ts';
import { paddedWidth } from '../rows/row-layout.ts';
import { CACHE_TYPE, packing } from './cache-format.ts';
import type { AttentionSpec } from './attention-spec.ts';

/** Bindings of a run's packed query, key and value, and of its rotary rows. */
export const QKV: readonly Binding[] = [
  { name: 'qkv', type: 'array<vec4<f32>>', access: 'read' },
  { name: 'cos_rows', type: CACHE_TYPE.packed4, access: 'read' },
  { name: 'sin_rows', type: CACHE_TYPE.packed4, access: 'read' },
];

/** WGSL: `rotated` gives vec4 j of both halves of a head of a token, rotated; `value8` packs eight numbers of its value. */
export function rotation({ headDim, numHeads, numKvHeads }: Omit<AttentionSpec, 'tokens'>): string {
  const stride = paddedWidth((numHeads + 2 * numKvHeads) * headDim) / 4;
  return `
fn rotated(token: u32, head: u32, j: u32) -> array<vec4<f32>, 2> {
  let at = token * ${stride}u + head * ${headDim / 4}u + j;
  let row = (params.past + token) * ${headDim / 8}u + j;
  let c = unpack4(cos_rows[row]);
  let s = unpack4(sin_rows[row]);
  let a = qkv[at];
  let b = qkv[at + ${headDim / 8}u];
  return array<vec4<f32>, 2>(a * c - b * s, b * c + a * s);
}
fn value8(token: u32, head: u32, j: u32) -> Packed8 {
  let at = token * ${stride}u + (${numHeads + numKvHeads}u + head) * ${headDim / 4}u + j * 2u;
  return pack8(qkv[at], qkv[at + 1u]);
}`;
}

/**
 * Writes the new tokens' rotated keys and their values into the cache `[numKvHeads, capacity, headDim]`: a thread takes eight
 * numbers of each half of a head. Bindings: qkv, cos_rows, sin_rows, keys, values, params.
 */
export function cacheWriteKernel(spec: AttentionSpec): { readonly kernel: Kernel; groups(tokens: number): number } {
  const { headDim, numHeads, numKvHeads, stored } = spec;
  const perHead = headDim / 16;
  const body = `
${packing(stored)}
${rotation(spec)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x % ${perHead}u;
  let head = (id.x / ${perHead}u) % ${numKvHeads}u;
  let token = id.x / ${perHead * numKvHeads}u;
  if (token >= params.tokens) { return; }
  let to = (head * params.capacity + params.past + token) * ${headDim / 8}u + j;
  let a = rotated(token, ${numHeads}u + head, j * 2u);
  let b = rotated(token, ${numHeads}u + head, j * 2u + 1u);
  keys[to] = pack8(a[0], b[0]);
  keys[to + ${perHead}u] = pack8(a[1], b[1]);
  values[to] = value8(token, head, j);
  values[to + ${perHead}u] = value8(token, head, j + ${perHead}u);
}`;
  const bindings: Binding[] = [
    ...QKV,
    { name: 'keys', type: CACHE_TYPE.packed8, access: 'read_write' },
    { name: 'values', type: CACHE_TYPE.packed8, access: 'read_write' },
    PARAMS,
  ];
  return {
    kernel: kernel({ label: 'rotary, cache', bindings, body }),
    groups: (tokens) => Math.ceil((tokens * perHead * numKvHeads) / 64),
  };
}
