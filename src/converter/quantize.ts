/**
 * Blockwise symmetric quantisation in the layout of onnxruntime's MatMulNBits and GatherBlockQuantized: each row is cut
 * into blocks of 32, each block has one scale, and the zero point is the middle of the unsigned range.
 * With 8 bits the block's extreme maps to the most negative value and numbers are rounded to nearest. With 4 bits a search picks
 * the scale of least squared error, so no block is worse than with rounding to nearest. docs/quantisation.md reports the gain.
 * Source: onnxruntime docs/ContribOperators.md (MatMulNBits).
 */
import { QUANT_BLOCK, type FloatType } from '../onnx/precision.ts';
import { compileKernel, FREE_MEMORY, type QuantizeKernel } from './wasm/quantize-kernel.ts';

/** Quantised rows. */
export interface QuantizedRows {
  /** `[rows, cols / 32, 32 * bits / 8]`; with 4 bits the even element of a pair is in the low half of the byte. */
  readonly weights: Uint8Array;
  /** `[rows, cols / 32]`. */
  readonly scales: Float32Array;
}

/** Values per call of the kernel: 256 KB, to stay in a processor's cache. */
const PIECE = 1 << 16;
const QUANTIZED_START = FREE_MEMORY + 4 * PIECE;
const SCALES_START = QUANTIZED_START + PIECE;

let compiled: QuantizeKernel | undefined;

/**
 * Quantises `[rows, cols]` finite floats, `cols` a multiple of 32. Scales are values that `scaleType` holds, and elements are
 * rounded against them. Blocks whose scale would round to zero become zeros; a scale too large for f16 comes out larger than 65504, to be refused by the code that stores it.
 */
export function quantizeRows(values: Float32Array, bits: 4 | 8, scaleType: FloatType): QuantizedRows {
  compiled ??= compileKernel(SCALES_START + (4 * PIECE) / QUANT_BLOCK - FREE_MEMORY);
  const { memory, run } = compiled;
  const weights = new Uint8Array((values.length * bits) / 8);
  const scales = new Float32Array(values.length / QUANT_BLOCK);
  for (let start = 0; start < values.length; start += PIECE) {
    const piece = values.subarray(start, start + PIECE);
    new Float32Array(memory.buffer, FREE_MEMORY, piece.length).set(piece);
    const end = FREE_MEMORY + 4 * piece.length;
    run[bits](FREE_MEMORY, end, QUANTIZED_START, SCALES_START, scaleType === 'f16' ? -1 : 0);
    const quantized = new Uint8Array(memory.buffer, QUANTIZED_START, (piece.length * bits) / 8);
    weights.set(quantized, (start * bits) / 8);
    scales.set(new Float32Array(memory.buffer, SCALES_START, piece.length / QUANT_BLOCK), start / QUANT_BLOCK);
  }
  return { weights, scales };
}
