/** How weights are stored: the element type of floats, and how many bits which matrices are quantised to. */

/** The type of activations, and of stored floats. */
export type FloatType = 'f32' | 'f16';

/** How the weights of a model folder are stored. */
export interface Precision {
  /** Bits of a quantised matrix; null: matrices are stored as `floats`. */
  readonly bits: 4 | 8 | null;
  /** What the canonical names of matrices that keep 8 bits begin with, where the others have 4. */
  readonly keptAtEight: readonly string[];
  /** Storage of scales and of everything that is not quantised. */
  readonly floats: FloatType;
  /** Activation types a graph is written for, best first. */
  readonly activations: readonly FloatType[];
}

/**
 * Elements of a row that share one scale.
 * Source: `block_size` of com.microsoft MatMulNBits and GatherBlockQuantized, which our graphs set to this.
 */
export const QUANT_BLOCK = 32;

/** Bits of the matrix that a checkpoint's tensor of this canonical name goes into; null: it is stored as floats. */
export function matrixBits({ bits, keptAtEight }: Precision, tensor: string): 4 | 8 | null {
  return bits === 4 && keptAtEight.some((beginning) => tensor.startsWith(beginning)) ? 8 : bits;
}
