/**
 * Which stored weight plays which part in the language model: the names our graphs give their initializers, and the layouts
 * that the kernels read. Source: src/converter/graphs/decoder.ts and layers.ts, whose names these are.
 */
import type { TextGeometry } from '../model/text-geometry.ts';
import { NamedError } from '../shared/errors.ts';
import type { ExternalWeight } from './onnx-initializers.ts';

/** Elements of a row that share one scale. */
export const BLOCK = 32;

/** A matrix y = x Wᵀ of `rows` outputs and `cols` inputs, as it is stored. */
export type StoredMatrix =
  | {
      /** Unsigned codes `[rows, cols / 32, 32 * bits / 8]`, zero point 2^(bits - 1), low half of a byte first; scales `[rows, cols / 32]`. */
      readonly kind: 'q4' | 'q8';
      readonly rows: number;
      readonly cols: number;
      readonly codes: ExternalWeight;
      readonly scales: ExternalWeight;
    }
  | {
      /** Floats, transposed: `[cols, rows]`; or a table of `[rows, cols]` which is only looked up. */
      readonly kind: 'transposed' | 'table';
      readonly rows: number;
      readonly cols: number;
      readonly values: ExternalWeight;
    };

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
  /** `[inner, hidden]` each; inner is the intermediate size, perhaps padded with zeros. */
  readonly gate: StoredMatrix;
  readonly up: StoredMatrix;
  /** `[hidden, inner]`. */
  readonly down: StoredMatrix;
}

/** The weights of the decoder's graph. */
export interface DecoderWeights {
  readonly layers: readonly LayerWeights[];
  readonly norm: ExternalWeight;
  /** `[vocab, hidden]`. */
  readonly head: StoredMatrix;
}

type Weights = ReadonlyMap<string, ExternalWeight>;

const EMBEDDINGS = 'language_model.embed_tokens.weight';

/**
 * The decoder's weights among its graph's initializers.
 * @throws RuntimeUnavailableError naming the first that is missing or laid out otherwise
 */
export function decoderWeights(weights: Weights, text: TextGeometry): DecoderWeights {
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
 * @throws RuntimeUnavailableError when it is missing or laid out otherwise
 */
export function embeddingTable(weights: Weights, { vocabSize, hiddenSize }: TextGeometry): StoredMatrix {
  const values = weights.get(EMBEDDINGS);
  if (values === undefined) {
    const { rows, cols, codes, scales } = quantized(weights, EMBEDDINGS, [vocabSize, hiddenSize]);
    return sized({ kind: kindOf(codes, cols), rows, cols, codes, scales }, vocabSize, hiddenSize);
  }
  const [rows = 0, cols = 0] = values.dims;
  return sized({ kind: 'table', rows, cols, values }, vocabSize, hiddenSize);
}

function matrix(weights: Weights, name: string): StoredMatrix {
  const values = weights.get(`${name}.t`);
  if (values !== undefined) {
    const [cols = 0, rows = 0] = values.dims;
    return { kind: 'transposed', rows, cols, values };
  }
  const { rows, cols, codes, scales } = quantized(weights, name);
  return { kind: kindOf(codes, cols), rows, cols, codes, scales };
}

function quantized(
  weights: Weights,
  name: string,
  shape?: readonly [number, number],
): { rows: number; cols: number; codes: ExternalWeight; scales: ExternalWeight } {
  const codes = find(weights, `${name}.q`);
  const scales = find(weights, `${name}.scales`);
  const [rows = 0, blocks = 0] = scales.dims;
  if (codes.type !== 'u8' || scales.type === 'u8' || (shape !== undefined && rows !== shape[0])) throw unknown(name);
  return { rows, cols: blocks * BLOCK, codes, scales };
}

function kindOf(codes: ExternalWeight, cols: number): 'q4' | 'q8' {
  const perRow = codes.dims.slice(1).reduce((a, b) => a * b, 1);
  if (perRow * 2 === cols) return 'q4';
  if (perRow === cols) return 'q8';
  throw unknown(codes.name);
}

function sized(stored: StoredMatrix, rows: number, cols: number): StoredMatrix {
  if (stored.rows === rows && stored.cols === cols) return stored;
  throw unknown('codes' in stored ? stored.codes.name : stored.values.name);
}

function vector(weights: Weights, name: string, length: number): ExternalWeight {
  const found = find(weights, name);
  if (found.type === 'u8' || found.dims.length !== 1 || found.dims[0] !== length) throw unknown(name);
  return found;
}

function find(weights: Weights, name: string): ExternalWeight {
  const found = weights.get(name);
  if (found === undefined) throw unknown(name);
  return found;
}

function unknown(name: string): NamedError {
  return new NamedError('RuntimeUnavailableError', `The kernels do not know the layout of the weight ${name}.`);
}
