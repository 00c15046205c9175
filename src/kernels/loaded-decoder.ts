/** The decoder's weights in GPU buffers. */
import { NamedError } from '../shared/errors.ts';
import { layerFormats, type LoadedMatrix, loadMatrix } from './loaded-matrix.ts';
import type { DecoderWeights } from './text-weights.ts';
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

/** Loads the weights, layer by layer. Throws RuntimeUnavailableError when layers are stored in several formats, or are too large. */
export async function loadDecoder(weights: WeightSet, stored: DecoderWeights): Promise<LoadedDecoder> {
  const padded = roundUp(stored.head.cols, 32);
  const layers: LoadedLayer[] = [];
  for (const layer of stored.layers) {
    layers.push({
      inputNorm: await weights.vector(layer.inputNorm, padded),
      qkv: await loadMatrix(weights, layer.qkv),
      qkvBias: await weights.vector(layer.qkvBias, layer.qkv.rows),
      output: await loadMatrix(weights, layer.output),
      attentionNorm: await weights.vector(layer.attentionNorm, padded),
      gate: await loadMatrix(weights, layer.gate),
      up: await loadMatrix(weights, layer.up),
      down: await loadMatrix(weights, layer.down),
    });
  }
  const formats = layerFormats(layers, MATRICES);
  if (JSON.stringify(formats.gate) !== JSON.stringify(formats.up)) {
    throw new NamedError('RuntimeUnavailableError', 'The kernels want gate and up stored in the same way.');
  }
  return {
    layers,
    layer: formats,
    norm: await weights.vector(stored.norm, padded),
    head: await loadMatrix(weights, stored.head),
  };
}
