/** The scalar reference for attention, which kernels and runtimes are tested against. */
import type { TextSizes } from './text-config.ts';

/** Tokens `[first, first + count)` of a sequence that attend to everything before them. */
export interface GroupedAttention {
  readonly heads: Pick<TextSizes, 'numHeads' | 'numKvHeads' | 'headDim'>;
  /** `[tokens, (numHeads + 2 * numKvHeads) * headDim]`, from the first token on. */
  readonly qkv: Float32Array;
  /** `[positions, headDim / 2]` each. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly first: number;
  readonly count: number;
}

/** Causal grouped-query attention with rotary positions, `[count, numHeads * headDim]`. */
export function groupedAttention({ heads, qkv, cos, sin, first, count }: GroupedAttention): Float32Array {
  const { numHeads, numKvHeads, headDim } = heads;
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
        attend({
          query: rotated(first + i, head),
          count: first + i + 1,
          key: (j) => keys[j] ?? value(j),
          value,
          out: out.subarray(at, at + headDim),
        });
      }
    }
  }
  return out;
}

/** Rotates `x` at a position, its two halves not interleaved; cos and sin have `x.length / 2` numbers per position. */
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

/** One query with its keys and values. Vectors are `[headDim]`. */
export interface OneAttention {
  readonly query: Float32Array;
  /** Number of keys and values. */
  readonly count: number;
  readonly key: (i: number) => Float32Array;
  readonly value: (i: number) => Float32Array;
  /** Where the result is added. */
  readonly out: Float32Array;
}

/** softmax(q k / sqrt(d)) v. */
export function attend({ query, count, key, value, out }: OneAttention): void {
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
