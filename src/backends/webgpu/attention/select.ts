/** Chooses how attention is computed: head sizes, tokens and device -> kernel, tile, KV splits. */
import type { KernelTarget } from '../matmul/select.ts';
import type { Tuning } from '../gpu/tuning.ts';
import { roundUp } from '../gpu/kernel.ts';
import { decodeAttentionTile, type DecodeAttentionSpec } from './decode-attention.ts';
import type { AttentionSpec } from './attention-spec.ts';
import { attentionBytes, TILE } from './prefill-attention.ts';
import { causalTokens, SUBGROUP_MATRIX_ROWS, subgroupMatrixAttentionFits } from './subgroup-matrix-attention.ts';
import { type VisionAttentionSpec, visionAttentionSpec } from './vision-attention.ts';

/** Above this many tokens, subgroup matrices over the whole cache are faster than KV splits without them (docs/log.md). */
const MOST_SPLIT_TOKENS = 32;
/** Rows of queries (tokens times query heads per key/value head) per workgroup in a prefill, at most. */
const MOST_QUERY_ROWS = 64;

/** The language model's attention. */
export interface DecoderAttention {
  readonly prefill: AttentionSpec;
  readonly decode: DecodeAttentionSpec;
  /** Cached tokens of a tile in a decode step. */
  readonly decodeTile: number;
  /** Query tokens of a workgroup with subgroup matrices; null if they cannot compute it. */
  readonly subgroupMatrixTokens: number | null;
}

/** How the cache is split between workgroups: splits, and cache slots of each. */
export interface KvSplits {
  readonly splits: number;
  readonly chunk: number;
}

/** The kernels of the language model's attention. */
export function selectDecoderAttention(sizes: DecodeAttentionSpec, { traits, tuning }: KernelTarget): DecoderAttention {
  const group = sizes.numHeads / sizes.numKvHeads;
  let prefill: AttentionSpec = { ...sizes, tokens: tuning.attentionTokens };
  while (
    prefill.tokens > 1 &&
    (attentionBytes(prefill) > traits.workgroupBytes || prefill.tokens * group > MOST_QUERY_ROWS)
  ) {
    prefill = { ...prefill, tokens: prefill.tokens - 1 };
  }
  const tokens = causalTokens(sizes);
  const fits =
    traits.hasSubgroupMatrices &&
    sizes.stored === 'f16' &&
    tokens > 0 &&
    subgroupMatrixAttentionFits(sizes.headDim, traits.workgroupBytes);
  return {
    prefill,
    decode: sizes,
    decodeTile: decodeAttentionTile(sizes, traits.workgroupBytes),
    subgroupMatrixTokens: fits ? tokens : null,
  };
}

/** KV splits of a run of `tokens`, after which the cache holds `total`. `hasSubgroupMatrices`: whether that kernel was compiled. */
export function selectKvSplits(
  { tokens, total }: { readonly tokens: number; readonly total: number },
  {
    prefill,
    decodeTile,
    hasSubgroupMatrices,
  }: Pick<DecoderAttention, 'prefill' | 'decodeTile'> & { readonly hasSubgroupMatrices: boolean },
  tuning: Tuning,
): KvSplits {
  if (hasSubgroupMatrices && tokens > MOST_SPLIT_TOKENS) return { chunk: total, splits: 1 };
  let chunk: number;
  if (tokens === 1) {
    chunk = roundUp(Math.ceil(total / tuning.decodeKvSplits), decodeTile);
  } else {
    const workgroups = Math.ceil(tokens / prefill.tokens) * prefill.numKvHeads;
    chunk = roundUp(Math.ceil(total / Math.ceil(tuning.attentionWorkgroups / workgroups)), TILE);
  }
  return { chunk, splits: Math.ceil(total / chunk) };
}

/** How the vision tower's attention can be computed. */
export type VisionAttentionOption =
  | { readonly arithmetic: 'subgroup matrices'; readonly queries: number }
  | { readonly arithmetic: 'f32'; readonly queries: number; readonly spec: VisionAttentionSpec };

/** The vision tower's options, best first: a device may still refuse subgroup matrices. `queries`: most queries per span. */
export function selectVisionAttention(
  sizes: Pick<VisionAttentionSpec, 'numHeads' | 'headDim'>,
  { traits, tuning }: KernelTarget,
): readonly VisionAttentionOption[] {
  const spec = visionAttentionSpec(sizes, tuning.visionQueries, traits.workgroupBytes);
  const inF32 = { arithmetic: 'f32', queries: spec.queries, spec } as const;
  const fits = traits.hasSubgroupMatrices && subgroupMatrixAttentionFits(sizes.headDim, traits.workgroupBytes);
  return fits ? [{ arithmetic: 'subgroup matrices', queries: SUBGROUP_MATRIX_ROWS }, inF32] : [inF32];
}
