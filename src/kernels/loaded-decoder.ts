/** The decoder's weights in GPU buffers. */
import { NamedError } from '../shared/errors.ts';
import { layerFormats, type LoadedMatrix, loadMatrix } from './loaded-matrix.ts';
import type { DecoderWeights, LayerWeights } from './text-weights.ts';
import type { WeightSet } from './weight-store.ts';
import { roundUp } from './wgsl/kernel.ts';
import type { MatrixFormat } from './wgsl/weight-reader.ts';

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

/** All of them. */
export interface LoadedDecoder {
  readonly layers: readonly LoadedLayer[];
  /** The formats that every layer's matrices have. */
  readonly layer: Readonly<Record<(typeof MATRICES)[number], MatrixFormat>>;
  readonly norm: GPUBuffer;
  readonly head: LoadedMatrix;
}

/** Loads the weights. Throws RuntimeUnavailableError when layers are stored in several formats, or are too large. */
export async function loadDecoder(weights: WeightSet, stored: DecoderWeights): Promise<LoadedDecoder> {
  const padded = roundUp(stored.head.cols, 32);
  // All at once: the store lets a few through at a time, in this order.
  const [layers, norm, head] = await Promise.all([
    Promise.all(stored.layers.map((layer) => loadLayer(weights, layer, padded))),
    weights.vector(stored.norm, padded),
    loadMatrix(weights, stored.head),
  ]);
  const formats = layerFormats(layers, MATRICES);
  if (JSON.stringify(formats.gate) !== JSON.stringify(formats.up)) {
    throw new NamedError('RuntimeUnavailableError', 'The kernels want gate and up stored in the same way.');
  }
  return {
    layers,
    layer: formats,
    norm,
    head,
  };
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
