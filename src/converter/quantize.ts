/**
 * Blockwise symmetric round-to-nearest quantisation in the layout of onnxruntime's MatMulNBits and GatherBlockQuantized:
 * each row is cut into blocks of 32, each block has one scale, and the zero point is the middle of the unsigned range.
 * Source: onnxruntime docs/ContribOperators.md (MatMulNBits).
 */
import { BLOCK_SIZE } from './precision.ts';

/** Quantised rows. */
export interface QuantizedRows {
  /** `[rows, cols / 32, 32 * bits / 8]`; with 4 bits the even element of a pair is in the low half of the byte. */
  readonly weights: Uint8Array;
  /** `[rows, cols / 32]`. */
  readonly scales: Float32Array;
}

/**
 * Quantises `[rows, cols]` floats, `cols` a multiple of 32. `roundScale` maps a scale to the value that will be stored
 * (rounding to f16), so that elements are rounded against the scale the kernel will really use.
 * The element of largest magnitude maps to the most negative code, which uses the whole range.
 */
export function quantizeRows(values: Float32Array, bits: 4 | 8, roundScale: (scale: number) => number): QuantizedRows {
  const blocks = values.length / BLOCK_SIZE;
  const middle = 2 ** (bits - 1);
  const top = 2 * middle - 1;
  const weights = new Uint8Array((values.length * bits) / 8);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block++) {
    const start = block * BLOCK_SIZE;
    const scale = roundScale(extreme(values, start) / -middle);
    scales[block] = scale;
    const inverse = scale === 0 ? 0 : 1 / scale;
    if (bits === 8) {
      for (let i = start; i < start + BLOCK_SIZE; i++) {
        weights[i] = code(values[i] ?? 0, inverse, middle, top);
      }
    } else {
      for (let i = start; i < start + BLOCK_SIZE; i += 2) {
        const low = code(values[i] ?? 0, inverse, middle, top);
        const high = code(values[i + 1] ?? 0, inverse, middle, top);
        weights[i >> 1] = low | (high << 4);
      }
    }
  }
  return { weights, scales };
}

/** The element of the block with the largest magnitude, sign kept. */
function extreme(values: Float32Array, start: number): number {
  let best = 0;
  for (let i = start; i < start + BLOCK_SIZE; i++) {
    const value = values[i] ?? 0;
    if (Math.abs(value) > Math.abs(best)) best = value;
  }
  return best;
}

function code(value: number, inverse: number, middle: number, top: number): number {
  const rounded = Math.round(value * inverse) + middle;
  return rounded < 0 ? 0 : rounded > top ? top : rounded;
}
