/** A stored matrix in GPU buffers. */
import type { StoredMatrix } from './text-weights.ts';
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
    const buffers = [await weights.bytes(codes), await weights.bytes(scales)];
    return { format: { kind, rows, cols, floats: floats(scales.type) }, buffers };
  }
  const { values } = stored;
  return { format: { kind, rows, cols, floats: floats(values.type) }, buffers: [await weights.bytes(values)] };
}

function floats(type: string): 'f16' | 'f32' {
  return type === 'f16' ? 'f16' : 'f32';
}
