/** The decoder's weights in GPU buffers. */
import { NamedError } from '../../../shared/errors.ts';
import { commonFormats, formatOf, isEqual, type LoadedMatrix, loadMatrix } from '../weights/loaded-matrix.ts';
import type { DecoderWeights, LayerWeights } from './decoder-weights.ts';
import type { WeightSet } from '../weights/weight-store.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { paddedWidth } from '../rows/row-layout.ts';

const MATRICES = ['qkv', 'output', 'gate', 'up', 'down'] as const;

/** One layer's weights. Norms are f32, padded with zeros to whole blocks; the bias is f32. */
export interface LoadedLayer {
  readonly inputNorm: GPUBuffer;
  readonly qkv: LoadedMatrix;
  readonly qkvBias: GPUBuffer;
  readonly output: LoadedMatrix;
  readonly attentionNorm: GPUBuffer;
  readonly gate: LoadedMatrix;
  readonly up: LoadedMatrix;
  readonly down: LoadedMatrix;
}

/** The weights of the decoder. */
export interface LoadedDecoder {
  readonly layers: readonly LoadedLayer[];
  readonly norm: GPUBuffer;
  readonly head: LoadedMatrix;
}

/** The formats of the matrices, known before they are loaded. */
export interface DecoderFormats {
  /** The same for every layer. */
  readonly layer: Readonly<Record<(typeof MATRICES)[number], MatrixFormat>>;
  readonly head: MatrixFormat;
}

/** The formats of stored weights. Throws RuntimeUnavailableError when layers differ. */
export function decoderFormats({ layers, head }: DecoderWeights): DecoderFormats {
  const layer = commonFormats(layers, MATRICES);
  if (!isEqual(layer.gate, layer.up)) {
    throw new NamedError('RuntimeUnavailableError', 'The kernels need gate and up stored in the same format.');
  }
  return { layer, head: formatOf(head) };
}

/** Loads the weights. Throws RuntimeUnavailableError when one is too large. */
export async function loadDecoder(weights: WeightSet, stored: DecoderWeights): Promise<LoadedDecoder> {
  const padded = paddedWidth(stored.head.cols);
  // Concurrently: the store loads a few at a time, in this order.
  const [layers, norm, head] = await Promise.all([
    Promise.all(stored.layers.map((layer) => loadLayer(weights, layer, padded))),
    weights.vector(stored.norm, padded),
    loadMatrix(weights, stored.head),
  ]);
  return { layers, norm, head };
}

async function loadLayer(weights: WeightSet, layer: LayerWeights, padded: number): Promise<LoadedLayer> {
  const [inputNorm, qkv, qkvBias, output, attentionNorm, gate, up, down] = await Promise.all([
    weights.vector(layer.inputNorm, padded),
    loadMatrix(weights, layer.qkv),
    weights.vector(layer.qkvBias, layer.qkv.rows),
    loadMatrix(weights, layer.output),
    weights.vector(layer.attentionNorm, padded),
    loadMatrix(weights, layer.gate),
    loadMatrix(weights, layer.up),
    loadMatrix(weights, layer.down),
  ]);
  return { inputNorm, qkv, qkvBias, output, attentionNorm, gate, up, down };
}
