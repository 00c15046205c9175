/** Attention in plain arithmetic: what a machine's own is checked against. */
import type { TextConfig } from './text-config.ts';

/** Causal grouped-query attention of tokens `[first, first + count)` over everything before them; `[count, numHeads * headDim]`. */
export function groupedAttention(
  qkv: Float32Array,
  { numHeads, numKvHeads, headDim }: Pick<TextConfig, 'numHeads' | 'numKvHeads' | 'headDim'>,
  cos: Float32Array,
  sin: Float32Array,
  first: number,
  count: number,
): Float32Array {
  const width = (numHeads + 2 * numKvHeads) * headDim;
  const total = first + count;
  const rotated = (token: number, head: number): Float32Array =>
    rotate(qkv.subarray(token * width + head * headDim, token * width + (head + 1) * headDim), cos, sin, token);
  const out = new Float32Array(count * numHeads * headDim);
  for (let kvHead = 0; kvHead < numKvHeads; kvHead++) {
    const keys = Array.from({ length: total }, (_, token) => rotated(token, numHeads + kvHead));
    const valueStart = (numHeads + numKvHeads + kvHead) * headDim;
    const value = (token: number): Float32Array =>
      qkv.subarray(token * width + valueStart, token * width + valueStart + headDim);
    const group = numHeads / numKvHeads;
    for (let head = kvHead * group; head < (kvHead + 1) * group; head++) {
      for (let i = 0; i < count; i++) {
        const at = (i * numHeads + head) * headDim;
        attend(
          rotated(first + i, head),
          first + i + 1,
          (j) => keys[j] ?? value(j),
          value,
          out.subarray(at, at + headDim),
        );
      }
    }
  }
  return out;
}

/** `x` at a position, its halves not interleaved; cos and sin have `x.length / 2` numbers a position. */
export function rotate(x: Float32Array, cos: Float32Array, sin: Float32Array, position: number): Float32Array {
  const half = x.length / 2;
  const out = new Float32Array(x.length);
  for (let j = 0; j < half; j++) {
    const c = cos[position * half + j] ?? 1;
    const s = sin[position * half + j] ?? 0;
    const [a, b] = [x[j] ?? 0, x[j + half] ?? 0];
    out[j] = a * c - b * s;
    out[j + half] = b * c + a * s;
  }
  return out;
}

/** softmax(q k / sqrt(d)) v for one query over `count` keys. */
export function attend(
  query: Float32Array,
  count: number,
  key: (i: number) => Float32Array,
  value: (i: number) => Float32Array,
  out: Float32Array,
): void {
  const scale = 1 / Math.sqrt(query.length);
  const scores = Float64Array.from({ length: count }, (_, i) => {
    const k = key(i);
    let sum = 0;
    for (let j = 0; j < query.length; j++) sum += (query[j] ?? 0) * (k[j] ?? 0);
    return sum * scale;
  });
  const max = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  let total = 0;
  for (let i = 0; i < count; i++) total += scores[i] = Math.exp((scores[i] ?? 0) - max);
  for (let i = 0; i < count; i++) {
    const v = value(i);
    const weight = (scores[i] ?? 0) / total;
    for (let j = 0; j < out.length; j++) out[j] = (out[j] ?? 0) + weight * (v[j] ?? 0);
  }
}
