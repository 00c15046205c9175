/** Names of the inputs and outputs of a model folder's graphs: the contract between the converter and the engine. */

/** The vision encoder. `windows`: groups of patches that attend to each other in windowed layers. */
export const VISION_ENCODER = {
  /** f32 `[num_patches, 1176]`, in the order of the Hugging Face processor. */
  pixelValues: 'pixel_values',
  /** i64 `[num_patches / 4]`: the order in which windows take merge groups. */
  windowIndex: 'window_index',
  /** i64 `[num_patches / 4]`: the inverse of window_index. */
  reverseIndex: 'reverse_index',
  /** Activations' type `[num_patches, headDim / 2]`, rows in window order. */
  cos: 'rotary_cos',
  sin: 'rotary_sin',
  /** i64 `[windows, window_patches]`: rows (in window order) of each window, short windows padded with any row. */
  windowRows: 'window_rows',
  /** i64 `[num_patches]`: where each row lies in the padded windows. */
  windowSlots: 'window_slots',
  /** Activations' type `[windows, 1, window_patches, window_patches]`: 0, or a large negative number for padding. */
  attentionBias: 'attention_bias',
  /** Output, activations' type `[1, num_patches / 4, hidden]`. */
  imageFeatures: 'image_features',
} as const;

/** The decoder. Past and present are named per layer by the functions below. */
export const DECODER = {
  /** Activations' type `[1, seq, hidden]`. */
  inputsEmbeds: 'inputs_embeds',
  /** Activations' type `[max_length, headDim / 2]`, one row a cache slot. */
  cosCache: 'cos_cache',
  sinCache: 'sin_cache',
  /** i32 `[1]`: tokens in the cache after this run, minus one. */
  seqlensK: 'seqlens_k',
  /** i32 scalar: tokens in the cache after this run. */
  totalSequenceLength: 'total_sequence_length',
  /** i64 `[1]`: first position to compute logits for; negative values count from the end. */
  logitsStart: 'logits_start',
  /** Output, f32 `[1, n, vocab]`. */
  logits: 'logits',
  /** Output, i64 `[1, n]`: the arg max of logits. */
  nextToken: 'next_token',
} as const;

/** The embedding lookup. */
export const EMBED_TOKENS = {
  /** i64 `[1, seq]`. */
  inputIds: 'input_ids',
  /** Output, activations' type `[1, seq, hidden]`. */
  inputsEmbeds: 'inputs_embeds',
} as const;

/** The self-test of attention at load: GroupQueryAttention as in the decoder, MultiHeadAttention as in the vision encoder. */
export const ATTENTION_CHECK = {
  /** Activations' type `[1, seq, (numHeads + 2 * numKvHeads) * headDim]`. */
  packedQkv: 'packed_qkv',
  pastKey: 'past_key',
  pastValue: 'past_value',
  seqlensK: 'seqlens_k',
  totalSequenceLength: 'total_sequence_length',
  cosCache: 'cos_cache',
  sinCache: 'sin_cache',
  attention: 'attention',
  presentKey: 'present_key',
  presentValue: 'present_value',
  /** Activations' type `[windows, window_patches, hidden]`. */
  visionQuery: 'vision_query',
  visionKey: 'vision_key',
  visionValue: 'vision_value',
  /** Activations' type `[windows, 1, window_patches, window_patches]`. */
  visionBias: 'vision_bias',
  visionAttention: 'vision_attention',
} as const;

/** Keys of layer `i` in the cache, `[1, numKvHeads, length, headDim]`. */
export function pastKey(i: number): string {
  return `past_key_values.${i}.key`;
}

/** Values of layer `i` in the cache. */
export function pastValue(i: number): string {
  return `past_key_values.${i}.value`;
}

/** Keys of layer `i` after the run. */
export function presentKey(i: number): string {
  return `present.${i}.key`;
}

/** Values of layer `i` after the run. */
export function presentValue(i: number): string {
  return `present.${i}.value`;
}
