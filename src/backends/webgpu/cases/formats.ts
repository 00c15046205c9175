/** Every format in which a matrix is stored. */
import type { MatrixFormat } from '../weights/weight-reader.ts';

/** The storage of a matrix, without its size. */
export type Storage = Pick<MatrixFormat, 'kind' | 'floats'>;

/** Quantized to 4 and 8 bits, with scales of both types. */
export const QUANTIZED: readonly Storage[] = [
  { kind: 'q4', floats: 'f16' },
  { kind: 'q4', floats: 'f32' },
  { kind: 'q8', floats: 'f16' },
  { kind: 'q8', floats: 'f32' },
];

/** The storages that GEMV and GEMM read. */
export const STORAGES: readonly Storage[] = [
  ...QUANTIZED,
  { kind: 'floats', floats: 'f16' },
  { kind: 'floats', floats: 'f32' },
];

/** A storage's name, as in `q4 with f16 scales`. */
export function storageName({ kind, floats }: Storage): string {
  return kind === 'q4' || kind === 'q8' ? `${kind} with ${floats} scales` : floats;
}
