/** How weights are stored: the element type of floats, and the bits of quantised matrices. */

/** The type of activations, and of stored floats. */
export type FloatType = 'f32' | 'f16';

/** How the weights of a model folder are stored. */
export interface Precision {
  /** Bits of a quantised matrix; null: matrices are stored as `floats`. */
  readonly bits: 4 | 8 | null;
  /** Prefixes of the canonical names of matrices that keep 8 bits where the others have 4. */
  readonly eightBitPrefixes: readonly string[];
  /** Type of scales and of everything that is not quantised. */
  readonly floats: FloatType;
  /** Activation types a graph is written for, best first. */
  readonly activations: readonly FloatType[];
}

/**
 * Elements of a row that share one scale.
 * Source: `block_size` of com.microsoft MatMulNBits and GatherBlockQuantized, which our graphs set to this.
 */
export const QUANT_BLOCK = 32;

/** Bits of the stored matrix for a canonical tensor name; null: stored as floats. */
export function matrixBits({ bits, eightBitPrefixes }: Precision, tensor: string): 4 | 8 | null {
  return bits === 4 && eightBitPrefixes.some((beginning) => tensor.startsWith(beginning)) ? 8 : bits;
}
