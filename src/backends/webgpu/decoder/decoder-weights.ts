/**
 * Maps stored weights to the language model's: the names our graphs give their initializers, and the layouts that the
 * kernels read. Source: src/architectures/qwen2_5_vl/graphs/decoder.ts and src/onnx/layers.ts, whose names these are.
 */
import type { TextConfig } from '../../../model/text-config.ts';
import type { ExternalWeight } from '../../../onnx/read-initializers.ts';
import { matrix, sized, type StoredMatrix, table, vector, type Weights } from '../weights/stored-matrix.ts';

/** The weights of one layer. */
export interface LayerWeights {
  /** `[hidden]`. */
  readonly inputNorm: ExternalWeight;
  /** `[(numHeads + 2 numKvHeads) headDim, hidden]` with a bias. */
  readonly qkv: StoredMatrix;
  readonly qkvBias: ExternalWeight;
  /** `[hidden, numHeads headDim]`. */
  readonly output: StoredMatrix;
  /** `[hidden]`. */
  readonly attentionNorm: ExternalWeight;
  /** `[intermediate, hidden]` each; intermediate is the intermediate size, possibly zero-padded. */
  readonly gate: StoredMatrix;
  readonly up: StoredMatrix;
  /** `[hidden, intermediate]`. */
  readonly down: StoredMatrix;
}

/** The weights of the decoder's graph. */
export interface DecoderWeights {
  readonly layers: readonly LayerWeights[];
  readonly norm: ExternalWeight;
  /** `[vocab, hidden]`. */
  readonly head: StoredMatrix;
}

const EMBEDDINGS = 'language_model.embed_tokens.weight';

/**
 * The decoder's weights among its graph's initializers.
 * @throws RuntimeUnavailableError naming the first weight that is missing or has another layout
 */
export function decoderWeights(weights: Weights, text: TextConfig): DecoderWeights {
  const { hiddenSize, numHeads, numKvHeads, headDim } = text;
  const layers = Array.from({ length: text.numLayers }, (_, i): LayerWeights => {
    const layer = `language_model.layers.${i}`;
    const qkv = ['q', 'k', 'v'].map((part) => `${layer}.self_attn.${part}_proj`);
    const gate = matrix(weights, `${layer}.mlp.gate_proj.weight`);
    return {
      inputNorm: vector(weights, `${layer}.input_layernorm.weight`, hiddenSize),
      qkv: sized(
        matrix(weights, qkv.map((name) => `${name}.weight`).join('+')),
        (numHeads + 2 * numKvHeads) * headDim,
        hiddenSize,
      ),
      qkvBias: vector(weights, qkv.map((name) => `${name}.bias`).join('+'), (numHeads + 2 * numKvHeads) * headDim),
      output: sized(matrix(weights, `${layer}.self_attn.o_proj.weight`), hiddenSize, numHeads * headDim),
      attentionNorm: vector(weights, `${layer}.post_attention_layernorm.weight`, hiddenSize),
      gate: sized(gate, gate.rows, hiddenSize),
      up: sized(matrix(weights, `${layer}.mlp.up_proj.weight`), gate.rows, hiddenSize),
      down: sized(matrix(weights, `${layer}.mlp.down_proj.weight`), hiddenSize, gate.rows),
    };
  });
  const head = matrix(weights, text.tieWordEmbeddings ? EMBEDDINGS : 'lm_head.weight');
  return {
    layers,
    norm: vector(weights, 'language_model.norm.weight', hiddenSize),
    head: sized(head, text.vocabSize, hiddenSize),
  };
}

/**
 * The embedding table `[vocab, hidden]` among the initializers of the embedding's graph.
 * @throws RuntimeUnavailableError when it is missing or has another layout
 */
export function embeddingTable(weights: Weights, { vocabSize, hiddenSize }: TextConfig): StoredMatrix {
  return table(weights, EMBEDDINGS, vocabSize, hiddenSize);
}
