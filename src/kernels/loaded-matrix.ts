/** A stored matrix in GPU buffers. */
import { NamedError } from '../shared/errors.ts';
import type { StoredMatrix } from './stored-matrix.ts';
import type { WeightSet } from './weight-store.ts';
import type { MatrixFormat } from './wgsl/weight-reader.ts';

/** A matrix that kernels can read. */
export interface LoadedMatrix {
  readonly format: MatrixFormat;
  /** In the order of `matrixBindings`. */
  readonly buffers: readonly GPUBuffer[];
}

/** Loads a matrix as it is stored. */
export async function loadMatrix(weights: WeightSet, stored: StoredMatrix): Promise<LoadedMatrix> {
  const { kind, rows, cols } = stored;
  if ('codes' in stored) {
    const { codes, scales } = stored;
    const buffers = await Promise.all([weights.bytes(codes), weights.bytes(scales)]);
    return { format: { kind, rows, cols, floats: floats(scales.type) }, buffers };
  }
  const { values } = stored;
  return { format: { kind, rows, cols, floats: floats(values.type) }, buffers: [await weights.bytes(values)] };
}

/** The formats that matrices have in every layer alike. Throws RuntimeUnavailableError when layers are stored in several. */
export function layerFormats<Name extends string>(
  layers: readonly Readonly<Record<Name, LoadedMatrix>>[],
  names: readonly Name[],
): Readonly<Record<Name, MatrixFormat>> {
  const [first] = layers;
  if (first === undefined) throw new RangeError('a model has layers');
  for (const name of names) {
    for (const layer of layers) {
      if (JSON.stringify(layer[name].format) === JSON.stringify(first[name].format)) continue;
      throw new NamedError('RuntimeUnavailableError', `The kernels want every layer's ${name} stored in the same way.`);
    }
  }
  return Object.fromEntries(names.map((name) => [name, first[name].format])) as Record<Name, MatrixFormat>;
}

function floats(type: string): 'f16' | 'f32' {
  return type === 'f16' ? 'f16' : 'f32';
}
