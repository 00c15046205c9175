/** What every quantised weight of a model folder has in common. */

/**
 * Elements of a row that share one scale.
 * Source: `block_size` of com.microsoft MatMulNBits and GatherBlockQuantized, which our graphs set to this.
 */
export const QUANT_BLOCK = 32;
