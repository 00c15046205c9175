/** Where attention writes its results: the output, or with several KV splits partial results, which kv-split-reduce.ts reduces. */
import type { Binding } from '../gpu/kernel.ts';
import { paddedWidth } from '../rows/row-layout.ts';
import type { AttentionSpec } from './attention-spec.ts';

/** vec4s of a partial result: the weighted sum, then the largest score and the sum of weights. */
export function partialStride(headDim: number): number {
  return headDim / 4 + 1;
}

/** f32 numbers in the partial results of `splits` KV splits of `tokens` tokens. */
export function partialLength({ numHeads, headDim }: AttentionSpec, tokens: number, splits: number): number {
  return tokens * splits * numHeads * partialStride(headDim) * 4;
}

/** Bindings of attention's results. */
export const RESULTS: readonly Binding[] = [
  { name: 'output', type: 'array<vec4<f32>>', access: 'read_write' },
  { name: 'partials', type: 'array<vec4<f32>>', access: 'read_write' },
];

/**
 * WGSL that writes quad `quad` of a row's weighted sum, given its largest score and its sum of weights: normalised to the
 * output with one KV split, else to partials.
 */
export function writeResult(
  { numHeads, headDim }: Pick<AttentionSpec, 'numHeads' | 'headDim'>,
  { token, head }: { readonly token: string; readonly head: string },
  { sum, most, total }: { readonly sum: string; readonly most: string; readonly total: string },
): string {
  const quads = headDim / 4;
  return `if (params.splits == 1u) {
        output[${token} * ${paddedWidth(numHeads * headDim) / 4}u + ${head} * ${quads}u + quad] = ${sum} / ${total};
      } else {
        let at = ((wg.z * params.tokens + ${token}) * ${numHeads}u + ${head}) * ${partialStride(headDim)}u;
        partials[at + quad] = ${sum};
        if (quad == 0u) { partials[at + ${quads}u] = vec4<f32>(${most}, ${total}, 0.0, 0.0); }
      }`;
}
