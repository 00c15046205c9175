/** Rows as subgroup matrices read them: f16, in 8-element vectors whose order depends on the storage of the matrix. */
import { f32ToF16 } from '../../../shared/float16.ts';
import type { Storage } from './formats.ts';

/** The source index of each element of an 8-element vector: the order in which quantized values are unpacked. */
const ORDER = {
  q4: [0, 4, 1, 5, 2, 6, 3, 7],
  q8: [0, 2, 1, 3, 4, 6, 5, 7],
  floats: [0, 1, 2, 3, 4, 5, 6, 7],
  table: [0, 1, 2, 3, 4, 5, 6, 7],
} as const;

/** Numbers in packing order. The length is a multiple of eight. */
export function inPackedOrder(
  values: Float32Array<ArrayBuffer>,
  { kind }: Pick<Storage, 'kind'>,
): Float32Array<ArrayBuffer> {
  return values.map((_, i) => values[i - (i % 8) + (ORDER[kind][i % 8] ?? 0)] ?? 0);
}

/** The same as f16. */
export function packedF16(values: Float32Array<ArrayBuffer>, storage: Pick<Storage, 'kind'>): Uint16Array<ArrayBuffer> {
  return new Uint16Array(f32ToF16(inPackedOrder(values, storage)));
}
