/** Rows as subgroup matrices read them: f16, in eights whose order depends on how the matrix they meet is stored. */
import { f32ToF16 } from '../../../shared/float16.ts';
import type { Storage } from './formats.ts';

/** Which number of eight stands at each place. Quantized values come out of their words in this order. */
const ORDER = {
  q4: [0, 4, 1, 5, 2, 6, 3, 7],
  q8: [0, 2, 1, 3, 4, 6, 5, 7],
  floats: [0, 1, 2, 3, 4, 5, 6, 7],
  table: [0, 1, 2, 3, 4, 5, 6, 7],
} as const;

/** Numbers in the order in which they are packed. Whole eights. */
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
