/**
 * The language model: embeddings in, logits and the next token out, over a KV cache.
 *
 * M-RoPE needs no operator of its own: GroupQueryAttention rotates by the row of `cos_cache`/`sin_cache` whose number is
 * the cache slot, and the engine fills these rows from the three-dimensional positions. The same graph serves prefill,
 * prefill of a further chunk, and decode steps, over a static cache (past and present the same buffers) or a growing one.
 * Source: transformers modeling_qwen2_5_vl.py (Qwen2_5_VLTextModel); onnxruntime ContribOperators.md (GroupQueryAttention).
 */
import type { ModelConfig } from '../../model/model-config.ts';
import { DECODER, pastKey, pastValue, presentKey, presentValue } from '../../onnx/graph-names.ts';
import { DATA_TYPE, type Dimension } from '../onnx/graph-builder.ts';
import { BLOCK_SIZE, matrixBits } from '../precision.ts';
import { floatInitializer, type GraphContext } from '../weight-layout.ts';
import { addRmsNorm, linear, MICROSOFT, oneLinear, rmsNorm, swiGlu, unpackRows } from './layers.ts';

/** INT64_MAX would do; this is the largest integer a double holds exactly. */
const TO_THE_END = Number.MAX_SAFE_INTEGER;

/** Builds the decoder's graph into `context`. */
export function buildDecoder(context: GraphContext, geometry: ModelConfig): void {
  const { graph, activations } = context;
  const { text } = geometry;
  const { hiddenSize, numKvHeads, headDim } = text;
  const cacheDims = [1, numKvHeads, 'past_length', headDim];
  const presentDims = [1, numKvHeads, 'total_length', headDim];

  const embeds = graph.input(DECODER.inputsEmbeds, activations, [1, 'sequence', hiddenSize]); // [1, seq, hidden]
  const cosCache = graph.input(DECODER.cosCache, activations, ['max_length', headDim / 2]);
  const sinCache = graph.input(DECODER.sinCache, activations, ['max_length', headDim / 2]);
  const seqlensK = graph.input(DECODER.seqlensK, 'i32', [1]);
  const lengths = [seqlensK, graph.input(DECODER.totalSequenceLength, 'i32', [])] as const;
  const logitsStart = graph.input(DECODER.logitsStart, 'i64', [1]);

  const hidden = textLayers(context, geometry, embeds, (layer, i, qkv) =>
    cachedAttention(context, geometry, { layer, i, cacheDims, presentDims }, [qkv, '', ''], lengths, [
      cosCache,
      sinCache,
    ]),
  );

  // Only the positions that are asked for go through the head: from logits_start (negative: counted from the end).
  const kept = graph.node('Slice', [hidden, logitsStart, graph.int64([TO_THE_END]), graph.int64([1])]); // [1, n, hidden]
  const logits = head(context, kept, geometry); // [1, n, vocab]
  graph.node('ArgMax', [logits], { outputs: [DECODER.nextToken], attributes: { axis: -1n, keepdims: 0n } });
  graph.node('Cast', [logits], { outputs: [DECODER.logits], attributes: { to: BigInt(DATA_TYPE.f32) } });
  graph.output(DECODER.logits, 'f32', [1, 'kept', text.vocabSize]);
  graph.output(DECODER.nextToken, 'i64', [1, 'kept']);
}

/**
 * The language model's layers: x `[1, seq, hidden]` to the same shape, before the last norm. `attention` makes of layer
 * i's packed query, key and value `[1, seq, (numHeads + 2 * numKvHeads) * headDim]` what o_proj takes.
 */
export function textLayers(
  context: GraphContext,
  { text }: ModelConfig,
  x: string,
  attention: (layer: string, i: number, qkv: string) => string,
): string {
  const { graph } = context;
  const { hiddenSize, numHeads, numKvHeads, headDim, rmsNormEps } = text;
  let hidden = x;
  let normed = '';
  for (let i = 0; i < text.numLayers; i++) {
    const layer = `language_model.layers.${i}`;
    if (i === 0) normed = rmsNorm(context, hidden, `${layer}.input_layernorm.weight`, hiddenSize, rmsNormEps);

    // attention
    const qkv = linear(context, normed, {
      weights: ['q', 'k', 'v'].map((part) => `${layer}.self_attn.${part}_proj.weight`),
      biases: ['q', 'k', 'v'].map((part) => `${layer}.self_attn.${part}_proj.bias`),
      inFeatures: hiddenSize,
      outFeatures: (numHeads + 2 * numKvHeads) * headDim,
    });
    const output = oneLinear(`${layer}.self_attn.o_proj`, numHeads * headDim, hiddenSize, false);
    const projected = linear(context, attention(layer, i, qkv), output);

    // feed-forward
    const afterAttention = `${layer}.post_attention_layernorm.weight`;
    const first = addRmsNorm(context, projected, hidden, afterAttention, hiddenSize, rmsNormEps);
    const fed = swiGlu(context, first.normed, `${layer}.mlp`, hiddenSize, text.intermediateSize, false);

    if (i + 1 < text.numLayers) {
      const nextNorm = `language_model.layers.${i + 1}.input_layernorm.weight`;
      const second = addRmsNorm(context, fed, first.sum, nextNorm, hiddenSize, rmsNormEps);
      normed = second.normed;
      hidden = second.sum;
    } else {
      hidden = graph.node('Add', [fed, first.sum]);
    }
  }
  return hidden;
}

/**
 * Attention of layer i over its cache, which it declares as inputs and outputs. Query, key and value are `[1, seq, ...]`, or
 * packed into the first; `rotary`: tables `[rows, headDim / 2]` to rotate by, the row being the cache slot; absent: rotated already.
 */
export function cachedAttention(
  { graph, activations }: GraphContext,
  { text }: ModelConfig,
  {
    layer,
    i,
    cacheDims,
    presentDims,
  }: {
    readonly layer: string;
    readonly i: number;
    readonly cacheDims: readonly Dimension[];
    readonly presentDims: readonly Dimension[];
  },
  qkv: readonly [string, string, string],
  [seqlensK, totalLength]: readonly [string, string],
  rotary?: readonly [cos: string, sin: string],
): string {
  const past = [
    graph.input(pastKey(i), activations, cacheDims),
    graph.input(pastValue(i), activations, cacheDims),
  ] as const;
  graph.output(presentKey(i), activations, presentDims);
  graph.output(presentValue(i), activations, presentDims);
  return graph.node('GroupQueryAttention', [...qkv, ...past, seqlensK, totalLength, ...(rotary ?? [])], {
    domain: MICROSOFT,
    outputs: [`${layer}.attention`, presentKey(i), presentValue(i)],
    attributes: {
      num_heads: BigInt(text.numHeads),
      kv_num_heads: BigInt(text.numKvHeads),
      ...(rotary === undefined ? {} : { do_rotary: 1n }),
    },
  });
}

const EMBEDDINGS = 'language_model.embed_tokens.weight';

/** The last norm and the logits `[1, n, vocab]` of hidden states `[1, n, hidden]`. `shareTable`: whether a tied head may lie in the embedding's file. */
export function head(context: GraphContext, hidden: string, { text }: ModelConfig, shareTable = true): string {
  const x = rmsNorm(context, hidden, 'language_model.norm.weight', text.hiddenSize, text.rmsNormEps);
  if (!text.tieWordEmbeddings) return linear(context, x, oneLinear('lm_head', text.hiddenSize, text.vocabSize, false));
  // A tied and quantised head is the embedding table itself, in the embedding's own data file.
  const tied = { weights: [EMBEDDINGS], biases: [], inFeatures: text.hiddenSize, outFeatures: text.vocabSize };
  if (!shareTable) return linear(context, x, { ...tied, alias: 'lm_head.weight' });
  const shared = embeddingBits(context, text.hiddenSize) !== null;
  return linear(shared ? { ...context, file: EMBEDDINGS_FILE } : context, x, tied);
}

/** Name of the embedding's data file, which a tied head shares. */
export const EMBEDDINGS_FILE = 'embed_tokens';

/** Bits of the quantised embedding table; null where it stays in floats. */
function embeddingBits({ layout }: GraphContext, hiddenSize: number): 4 | 8 | null {
  return hiddenSize % BLOCK_SIZE === 0 ? matrixBits(layout.precision, EMBEDDINGS) : null;
}

/** Builds the embedding lookup: input_ids `[1, seq]` to inputs_embeds `[1, seq, hidden]`. */
export function buildEmbedTokens(context: GraphContext, geometry: ModelConfig): void {
  const { graph, activations } = context;
  const ids = graph.input('input_ids', 'i64', [1, 'sequence']);
  graph.output('inputs_embeds', activations, [1, 'sequence', geometry.text.hiddenSize]);
  embed(context, geometry, ids, 'inputs_embeds');
}

/** Rows of the embedding table for ids i64 `[1, seq]`, as the value `output`. */
export function embed(context: GraphContext, { text }: ModelConfig, ids: string, output: string): void {
  const { graph, layout, file } = context;
  const { hiddenSize, vocabSize } = text;
  const source = { tensors: [EMBEDDINGS], cols: hiddenSize, paddedRows: vocabSize, paddedCols: hiddenSize };
  const outputs = [output];
  const bits = embeddingBits(context, hiddenSize);
  if (bits !== null) {
    const { weights, scales } = layout.quantized(file, EMBEDDINGS, source, bits);
    const codes = graph.external(`${EMBEDDINGS}.q`, 'u8', [vocabSize, (hiddenSize * bits) / 8], weights);
    const scale = floatInitializer(context, `${EMBEDDINGS}.scales`, [vocabSize, hiddenSize / BLOCK_SIZE], scales);
    if (context.unpack) {
      const table = unpackRows(context, codes, scale, [vocabSize, hiddenSize], bits);
      graph.node('Gather', [table, ids], { outputs, attributes: { axis: 0n } });
      return;
    }
    graph.node('GatherBlockQuantized', [codes, ids, scale], {
      domain: MICROSOFT,
      outputs,
      attributes: { bits: BigInt(bits), block_size: BigInt(BLOCK_SIZE), gather_axis: 0n, quantize_axis: 1n },
    });
    return;
  }
  const region = layout.floats(file, EMBEDDINGS, source, false);
  const table = floatInitializer(context, EMBEDDINGS, [vocabSize, hiddenSize], region);
  graph.node('Gather', [table, ids], { outputs, attributes: { axis: 0n } });
}
