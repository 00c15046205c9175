/**
 * The language model: embeddings in, logits and the next token out, over a KV cache.
 *
 * M-RoPE needs no special operator: GroupQueryAttention rotates by the row of `cos_cache`/`sin_cache` at the index of the cache
 * slot, and the engine fills these rows from the three-dimensional positions. The same graph serves prefill,
 * prefill of a further chunk, and decode steps, over a static cache (past and present the same buffers) or a growing one.
 * Source: transformers modeling_qwen2_5_vl.py (Qwen2_5_VLTextModel); onnxruntime ContribOperators.md (GroupQueryAttention).
 */
import type { QwenConfig } from '../config.ts';
import { DECODER, EMBED_TOKENS, pastKey, pastValue, presentKey, presentValue } from '../../../onnx/graph-names.ts';
import { DATA_TYPE, type Dimension } from '../../../onnx/graph-builder.ts';
import type { GraphContext } from '../../../onnx/weight-layout.ts';
import {
  addRmsNorm,
  embed,
  type EmbeddingTable,
  embeddingBits,
  linear,
  MICROSOFT,
  oneLinear,
  rmsNorm,
  type RmsNorm,
  swiGlu,
} from '../../../onnx/layers.ts';

/** INT64_MAX would do; this is the largest integer a double holds exactly. */
const TO_THE_END = Number.MAX_SAFE_INTEGER;

/** Builds the decoder's graph into `context`. */
export function buildDecoder(context: GraphContext, config: QwenConfig): void {
  const { graph, activations } = context;
  const { text } = config;
  const { hiddenSize, numKvHeads, headDim } = text;
  const cacheDims = [1, numKvHeads, 'past_length', headDim];
  const presentDims = [1, numKvHeads, 'total_length', headDim];

  const embeds = graph.input(DECODER.inputsEmbeds, activations, [1, 'sequence', hiddenSize]); // [1, seq, hidden]
  const cosCache = graph.input(DECODER.cosCache, activations, ['max_length', headDim / 2]);
  const sinCache = graph.input(DECODER.sinCache, activations, ['max_length', headDim / 2]);
  const seqlensK = graph.input(DECODER.seqlensK, 'i32', [1]);
  const lengths = [seqlensK, graph.input(DECODER.totalSequenceLength, 'i32', [])] as const;
  const logitsStart = graph.input(DECODER.logitsStart, 'i64', [1]);

  const rotary = [cosCache, sinCache] as const;
  const hidden = textLayers(context, config, embeds, (layer, i, qkv) =>
    cachedAttention(context, config, { layer, i, cacheDims, presentDims, qkv: [qkv, '', ''], lengths, rotary }),
  );

  // Only the requested positions go through the head: from logits_start on (negative: counted from the end).
  const kept = graph.node('Slice', [hidden, logitsStart, graph.int64([TO_THE_END]), graph.int64([1])]); // [1, n, hidden]
  const logits = head(context, kept, config); // [1, n, vocab]
  graph.node('ArgMax', [logits], { outputs: [DECODER.nextToken], attributes: { axis: -1n, keepdims: 0n } });
  graph.node('Cast', [logits], { outputs: [DECODER.logits], attributes: { to: BigInt(DATA_TYPE.f32) } });
  graph.output(DECODER.logits, 'f32', [1, 'kept', text.vocabSize]);
  graph.output(DECODER.nextToken, 'i64', [1, 'kept']);
}

/**
 * The language model's layers: x `[1, seq, hidden]` to the same shape, before the last norm. `attention` maps layer
 * i's packed query, key and value `[1, seq, (numHeads + 2 * numKvHeads) * headDim]` to the input of o_proj.
 */
export function textLayers(
  context: GraphContext,
  { text }: QwenConfig,
  x: string,
  attention: (layer: string, i: number, qkv: string) => string,
): string {
  const { graph } = context;
  const { hiddenSize, numHeads, numKvHeads, headDim, rmsNormEps } = text;
  const norm = (weight: string): RmsNorm => ({ weight, size: hiddenSize, epsilon: rmsNormEps });
  let hidden = x;
  let normed = '';
  for (let i = 0; i < text.numLayers; i++) {
    const layer = `language_model.layers.${i}`;
    if (i === 0) normed = rmsNorm(context, hidden, norm(`${layer}.input_layernorm.weight`));

    // attention
    const qkv = linear(context, normed, {
      weights: ['q', 'k', 'v'].map((name) => `${layer}.self_attn.${name}_proj.weight`),
      biases: ['q', 'k', 'v'].map((name) => `${layer}.self_attn.${name}_proj.bias`),
      inFeatures: hiddenSize,
      outFeatures: (numHeads + 2 * numKvHeads) * headDim,
    });
    const output = oneLinear(`${layer}.self_attn.o_proj`, numHeads * headDim, hiddenSize, false);
    const projected = linear(context, attention(layer, i, qkv), output);

    // feed-forward
    const first = addRmsNorm(context, [projected, hidden], norm(`${layer}.post_attention_layernorm.weight`));
    const mlp = { prefix: `${layer}.mlp`, size: hiddenSize, intermediateSize: text.intermediateSize, bias: false };
    const fed = swiGlu(context, first.normed, mlp);

    if (i + 1 < text.numLayers) {
      const next = norm(`language_model.layers.${i + 1}.input_layernorm.weight`);
      const second = addRmsNorm(context, [fed, first.sum], next);
      normed = second.normed;
      hidden = second.sum;
    } else {
      hidden = graph.node('Add', [fed, first.sum]);
    }
  }
  return hidden;
}

/** Attention of one layer over its cache. All names are values of the graph. */
export interface CachedAttention {
  readonly layer: string;
  readonly i: number;
  readonly cacheDims: readonly Dimension[];
  readonly presentDims: readonly Dimension[];
  /** Query, key and value `[1, seq, ...]`, or packed into the first. */
  readonly qkv: readonly [string, string, string];
  readonly lengths: readonly [seqlensK: string, totalLength: string];
  /** Tables `[rows, headDim / 2]` to rotate by, indexed by cache slot; absent: query and key are already rotated. */
  readonly rotary?: readonly [cos: string, sin: string];
}

/** Attention of layer i over its cache, which it declares as inputs and outputs. */
export function cachedAttention(
  { graph, activations }: GraphContext,
  { text }: QwenConfig,
  { layer, i, cacheDims, presentDims, qkv, lengths, rotary }: CachedAttention,
): string {
  const past = [
    graph.input(pastKey(i), activations, cacheDims),
    graph.input(pastValue(i), activations, cacheDims),
  ] as const;
  graph.output(presentKey(i), activations, presentDims);
  graph.output(presentValue(i), activations, presentDims);
  return graph.node('GroupQueryAttention', [...qkv, ...past, ...lengths, ...(rotary ?? [])], {
    domain: MICROSOFT,
    outputs: [`${layer}.attention`, presentKey(i), presentValue(i)],
    attributes: {
      num_heads: BigInt(text.numHeads),
      kv_num_heads: BigInt(text.numKvHeads),
      ...(rotary === undefined ? {} : { do_rotary: 1n }),
    },
  });
}

/** Name of the embedding's data file, which a tied head shares. */
const EMBEDDINGS_FILE = 'embed_tokens';

function embeddings({ text }: QwenConfig): EmbeddingTable {
  return { tensor: 'language_model.embed_tokens.weight', rows: text.vocabSize, cols: text.hiddenSize };
}

/** The last norm and the logits `[1, n, vocab]` of hidden states `[1, n, hidden]`. `shareTable`: whether a tied head may share the embedding's file. */
export function head(context: GraphContext, hidden: string, config: QwenConfig, shareTable = true): string {
  const { hiddenSize, rmsNormEps, tieWordEmbeddings, vocabSize } = config.text;
  const norm = { weight: 'language_model.norm.weight', size: hiddenSize, epsilon: rmsNormEps };
  const x = rmsNorm(context, hidden, norm);
  if (!tieWordEmbeddings) return linear(context, x, oneLinear('lm_head', hiddenSize, vocabSize, false));
  // A tied and quantised head is the embedding table itself, in the embedding's own data file.
  const table = embeddings(config);
  const tied = { weights: [table.tensor], biases: [], inFeatures: hiddenSize, outFeatures: vocabSize };
  if (!shareTable) return linear(context, x, { ...tied, alias: 'lm_head.weight' });
  const isShared = embeddingBits(context, table) !== null;
  return linear(isShared ? { ...context, file: EMBEDDINGS_FILE } : context, x, tied);
}

/** Builds the embedding lookup: input_ids `[1, seq]` to inputs_embeds `[1, seq, hidden]`. */
export function buildEmbedTokens(context: GraphContext, config: QwenConfig): void {
  const { graph, activations } = context;
  const ids = graph.input(EMBED_TOKENS.inputIds, 'i64', [1, 'sequence']);
  graph.output(EMBED_TOKENS.inputsEmbeds, activations, [1, 'sequence', config.text.hiddenSize]);
  embedIds(context, config, ids, EMBED_TOKENS.inputsEmbeds);
}

/** Rows of the embedding table for ids i64 `[1, seq]`, as the value `output`. */
export function embedIds(context: GraphContext, config: QwenConfig, ids: string, output: string): void {
  embed(context, embeddings(config), ids, output);
}
