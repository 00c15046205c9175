/** A stored matrix in GPU buffers. */
import { NamedError } from '../../../shared/errors.ts';
import type { StoredMatrix } from './stored-matrix.ts';
import type { WeightSet } from './weight-store.ts';
import type { MatrixFormat } from './weight-reader.ts';

/** A matrix that kernels can read. */
export interface LoadedMatrix {
  readonly format: MatrixFormat;
  /** In the order of `matrixBindings`. */
  readonly buffers: readonly GPUBuffer[];
}

/** Loads a matrix as stored, or transposes it if it is stored transposed. */
export async function loadMatrix(weights: WeightSet, stored: StoredMatrix): Promise<LoadedMatrix> {
  const format = formatOf(stored);
  if (stored.kind === 'transposed') return { format, buffers: [await weights.transposed(stored.values, format)] };
  const stores = 'quants' in stored ? [stored.quants, stored.scales] : [stored.values];
  return { format, buffers: await Promise.all(stores.map((one) => weights.bytes(one))) };
}

/** The format of a loaded matrix. */
export function formatOf(stored: StoredMatrix): MatrixFormat {
  const { rows, cols } = stored;
  const { type } = 'quants' in stored ? stored.scales : stored.values;
  return {
    kind: stored.kind === 'transposed' ? 'floats' : stored.kind,
    rows,
    cols,
    floats: type === 'f16' ? 'f16' : 'f32',
  };
}

/** The formats of matrices that are the same in every layer. Throws RuntimeUnavailableError when layers differ. */
export function commonFormats<Name extends string>(
  layers: readonly Readonly<Record<Name, StoredMatrix>>[],
  names: readonly Name[],
): Readonly<Record<Name, MatrixFormat>> {
  const [first] = layers;
  if (first === undefined) throw new RangeError('a model has layers');
  const alike = (a: StoredMatrix, b: StoredMatrix): boolean => isEqual(formatOf(a), formatOf(b));
  for (const name of names) {
    if (layers.every((layer) => alike(layer[name], first[name]))) continue;
    throw new NamedError(
      'RuntimeUnavailableError',
      `The kernels need every layer's ${name} stored in the same format.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, formatOf(first[name])])) as Record<Name, MatrixFormat>;
}

/** Whether two formats are the same. */
export function isEqual(a: MatrixFormat, b: MatrixFormat): boolean {
  return a.kind === b.kind && a.floats === b.floats && a.rows === b.rows && a.cols === b.cols;
}
