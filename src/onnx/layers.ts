/**
 * The layers that transformers are made of: linear, RMSNorm, residual + RMSNorm, SwiGLU, embedding lookup. Each function adds
 * nodes to the context's graph and returns the name of its result. Shapes: x `[..., inFeatures]`.
 */
import { DATA_TYPE } from './graph-builder.ts';
import { QUANT_BLOCK, matrixBits } from './precision.ts';
import { floatInitializer, type GraphContext, type MatrixSource } from './weight-layout.ts';

/** onnxruntime's own operators. */
export const MICROSOFT = 'com.microsoft';

/** Quantised matrices whose size is not a multiple of the block size are padded to this multiple. */
const PADDED_MULTIPLE = 128;

/** A linear layer y = x Wᵀ + b of the checkpoint. */
export interface Linear {
  /** Canonical names of the weights `[outFeatures_i, inFeatures]`, stacked; all are stored with the bits of the first. */
  readonly weights: readonly string[];
  /** Canonical names of the biases, stacked; empty: none. */
  readonly biases: readonly string[];
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** False stores the matrix as floats whatever the dtype. */
  readonly quantize?: boolean;
  /** Name of the stored matrix, by default that of the weights. Another name makes another copy. */
  readonly alias?: string;
  /** Sizes after zero padding, by default the checkpoint's own. */
  readonly paddedIn?: number;
  readonly paddedOut?: number;
}

/** A linear layer of `name.weight` and `name.bias`, the common case of one matrix. */
export function oneLinear(name: string, inFeatures: number, outFeatures: number, bias: boolean): Linear {
  return {
    weights: [`${name}.weight`],
    biases: bias ? [`${name}.bias`] : [],
    inFeatures,
    outFeatures,
  };
}

/** The size an intermediate dimension is padded to so that its matrices can be quantised; `size` itself where they are not. */
export function paddedSize(context: GraphContext, size: number): number {
  if (context.layout.precision.bits === null || size % QUANT_BLOCK === 0) return size;
  return Math.ceil(size / PADDED_MULTIPLE) * PADDED_MULTIPLE;
}

/** Maps x `[..., in]` to `[..., out]`, quantised where the dtype says so and the row length allows it. */
export function linear(context: GraphContext, x: string, layer: Linear): string {
  const { graph, layout, file } = context;
  const paddedIn = layer.paddedIn ?? layer.inFeatures;
  const paddedOut = layer.paddedOut ?? layer.outFeatures;
  const source: MatrixSource = {
    tensors: layer.weights,
    cols: layer.inFeatures,
    paddedRows: paddedOut,
    paddedCols: paddedIn,
  };
  const name = layer.alias ?? layer.weights.join('+');
  const bits = matrixBits(layout.precision, layer.weights[0] ?? '');
  const bias = layer.biases.length === 0 ? '' : vector(context, layer.biases, paddedOut);
  if (bits !== null && layer.quantize !== false && paddedIn % QUANT_BLOCK === 0) {
    const { weights, scales } = layout.quantized(file, name, source, bits);
    const blocks = paddedIn / QUANT_BLOCK;
    const values = graph.external(`${name}.q`, 'u8', [paddedOut, blocks, (QUANT_BLOCK * bits) / 8], weights);
    const scale = floatInitializer(context, `${name}.scales`, [paddedOut, blocks], scales);
    if (context.unpack) {
      const rows = unpackRows(context, { values, scales: scale, rows: paddedOut, cols: paddedIn, bits });
      const matrix = graph.node('Transpose', [rows], { attributes: { perm: [1n, 0n] } });
      return addBias(context, graph.node('MatMul', [x, matrix]), bias);
    }
    return graph.node('MatMulNBits', bias === '' ? [x, values, scale] : [x, values, scale, '', '', bias], {
      domain: MICROSOFT,
      attributes: {
        K: BigInt(paddedIn),
        N: BigInt(paddedOut),
        bits: BigInt(bits),
        block_size: BigInt(QUANT_BLOCK),
      },
    });
  }
  const region = layout.floats(file, `${name}.t`, source, true);
  const matrix = floatInitializer(context, `${name}.t`, [paddedIn, paddedOut], region);
  return addBias(context, graph.node('MatMul', [x, matrix]), bias);
}

function addBias({ graph }: GraphContext, x: string, bias: string): string {
  return bias === '' ? x : graph.node('Add', [x, bias]);
}

/** A quantised matrix in the graph. */
interface QuantizedMatrix {
  /** u8, as quantize.ts lays them out. */
  readonly values: string;
  readonly scales: string;
  readonly rows: number;
  readonly cols: number;
  readonly bits: 4 | 8;
}

/**
 * Unpacks quantised rows to floats `[rows, cols]` by operators on constants, which onnxruntime folds once, when it creates
 * the session.
 */
function unpackRows({ graph, activations }: GraphContext, matrix: QuantizedMatrix): string {
  const { values, scales, rows, cols, bits } = matrix;
  const type = BigInt(DATA_TYPE[activations]);
  const cast = (value: string): string => graph.node('Cast', [value], { attributes: { to: type } });
  const blocks = cols / QUANT_BLOCK;
  let bytes = graph.node('Cast', [values], { attributes: { to: BigInt(DATA_TYPE.f32) } });
  if (bits === 4) {
    const sixteen = graph.node('Cast', [graph.int64([16])], { attributes: { to: BigInt(DATA_TYPE.f32) } });
    const high = graph.node('Floor', [graph.node('Div', [bytes, sixteen])]);
    const low = graph.node('Sub', [bytes, graph.node('Mul', [high, sixteen])]);
    const last = graph.int64([-1]);
    const pair = [low, high].map((nibble) => graph.node('Unsqueeze', [nibble, last]));
    bytes = graph.node('Concat', pair, { attributes: { axis: -1n } });
  }
  const blocked = graph.node('Reshape', [bytes, graph.int64([rows, blocks, QUANT_BLOCK])]);
  const centred = graph.node('Sub', [cast(blocked), cast(graph.int64([2 ** (bits - 1)]))]);
  const scale = graph.node('Reshape', [scales, graph.int64([rows, blocks, 1])]);
  return graph.node('Reshape', [graph.node('Mul', [centred, scale]), graph.int64([rows, cols])]);
}

/** Stacked tensors of rank 1, zero-padded to `length`. */
export function vector(context: GraphContext, tensors: readonly string[], length: number): string {
  const source: MatrixSource = { tensors, cols: 1, paddedRows: length, paddedCols: 1 };
  const name = tensors.join('+');
  return floatInitializer(context, name, [length], context.layout.floats(context.file, name, source, false));
}

/** An RMSNorm over the last axis. */
export interface RmsNorm {
  /** Canonical name of the weight `[size]`. */
  readonly weight: string;
  readonly size: number;
  readonly epsilon: number;
}

/** RMSNorm(x). */
export function rmsNorm(context: GraphContext, x: string, { weight, size, epsilon }: RmsNorm): string {
  return context.graph.node('SimplifiedLayerNormalization', [x, vector(context, [weight], size)], {
    attributes: { axis: -1n, epsilon, stash_type: 1n },
  });
}

/** sum = x + residual, normed = RMSNorm(sum), in one operator. */
export function addRmsNorm(
  context: GraphContext,
  [x, residual]: readonly [x: string, residual: string],
  { weight, size, epsilon }: RmsNorm,
): { readonly normed: string; readonly sum: string } {
  const normed = `${weight}.normed`;
  const sum = `${weight}.sum`;
  context.graph.node('SkipSimplifiedLayerNormalization', [x, residual, vector(context, [weight], size)], {
    domain: MICROSOFT,
    outputs: [normed, '', '', sum],
    attributes: { epsilon },
  });
  return { normed, sum };
}

/** A SwiGLU MLP of gate_proj, up_proj and down_proj. */
export interface SwiGlu {
  /** Prefix of the canonical names of its weights. */
  readonly prefix: string;
  readonly size: number;
  readonly intermediateSize: number;
  readonly bias: boolean;
}

/**
 * down(silu(gate(x)) * up(x)). The intermediate size is zero-padded where quantisation needs it, which leaves the result unchanged:
 * silu(0) * 0 = 0.
 */
export function swiGlu(context: GraphContext, x: string, { prefix, size, intermediateSize, bias }: SwiGlu): string {
  const { graph } = context;
  const padded = paddedSize(context, intermediateSize);
  const into = (name: string): string =>
    linear(context, x, { ...oneLinear(`${prefix}.${name}`, size, intermediateSize, bias), paddedOut: padded });
  const gate = into('gate_proj');
  const up = into('up_proj');
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  const product = graph.node('Mul', [silu, up]);
  return linear(context, product, {
    ...oneLinear(`${prefix}.down_proj`, intermediateSize, size, bias),
    paddedIn: padded,
  });
}

/** A table of embeddings: the canonical name of its tensor `[rows, cols]`. */
export interface EmbeddingTable {
  readonly tensor: string;
  readonly rows: number;
  readonly cols: number;
}

/** Bits of a quantised embedding table; null if it is stored as floats. */
export function embeddingBits({ layout }: GraphContext, { tensor, cols }: EmbeddingTable): 4 | 8 | null {
  return cols % QUANT_BLOCK === 0 ? matrixBits(layout.precision, tensor) : null;
}

/** Rows of an embedding table for ids i64 `[1, seq]`, as the value `output`. */
export function embed(context: GraphContext, table: EmbeddingTable, ids: string, output: string): void {
  const { graph, layout, file } = context;
  const { tensor, rows, cols } = table;
  const source = { tensors: [tensor], cols, paddedRows: rows, paddedCols: cols };
  const outputs = [output];
  const gather = { outputs, attributes: { axis: 0n } };
  const bits = embeddingBits(context, table);
  if (bits === null) {
    const region = layout.floats(file, tensor, source, false);
    graph.node('Gather', [floatInitializer(context, tensor, [rows, cols], region), ids], gather);
    return;
  }
  const regions = layout.quantized(file, tensor, source, bits);
  const values = graph.external(`${tensor}.q`, 'u8', [rows, (cols * bits) / 8], regions.weights);
  const scales = floatInitializer(context, `${tensor}.scales`, [rows, cols / QUANT_BLOCK], regions.scales);
  if (context.unpack) {
    graph.node('Gather', [unpackRows(context, { values, scales, rows, cols, bits }), ids], gather);
    return;
  }
  graph.node('GatherBlockQuantized', [values, ids, scales], {
    domain: MICROSOFT,
    outputs,
    attributes: { bits: BigInt(bits), block_size: BigInt(QUANT_BLOCK), gather_axis: 0n, quantize_axis: 1n },
  });
}
