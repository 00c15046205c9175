/** Made-up inputs of kernel cases, in the layout of the kernels' buffers. */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';
import { GUARD, UNTOUCHED } from './compare.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Returns `count` deterministic numbers in [-1, 1). */
export type Random = (count: number) => Float32Array<ArrayBuffer>;

/** A matrix of made-up numbers. */
export interface MadeUpMatrix {
  /** As a kernel reads it, in the order of `matrixBindings`. */
  readonly arrays: readonly ArrayBufferView<ArrayBuffer>[];
  /** Its numbers, `[rows, cols]`. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** Floats as they are stored. */
export function stored(values: Float32Array<ArrayBuffer>, floats: 'f32' | 'f16'): ArrayBufferView<ArrayBuffer> {
  return floats === 'f16' ? new Uint16Array(f32ToF16(values)) : values;
}

/** Floats as they are read back. */
export function rounded(values: Float32Array<ArrayBuffer>, floats: 'f32' | 'f16'): Float32Array<ArrayBuffer> {
  return floats === 'f16' ? new Float32Array(f16ToF32(f32ToF16(values))) : values;
}

/**
 * A matrix. With `extremes` its first row is zero, its second alternates the largest and smallest numbers, and the other rows are
 * a thousand times smaller or larger than usual, but none beyond `largest`.
 */
export function madeUpMatrix(format: MatrixFormat, random: Random, extremes = false, largest = Infinity): MadeUpMatrix {
  const most = extremes ? largest : null;
  return isQuantized(format) ? quantized(format, random, most) : floats(format, random, most);
}

/** Factors of rows with extremes: large, small and usual ones. */
const ROW_FACTORS = [1000, 1e-3, 1] as const;

function rowFactor(row: number): number {
  return ROW_FACTORS[row % ROW_FACTORS.length] ?? 1;
}

/** `most`: the largest number of the extremes; null without any. */
function floats(format: MatrixFormat, random: Random, most: number | null): MadeUpMatrix {
  const { rows, cols } = format;
  const values = random(rows * cols);
  if (most !== null) {
    const [largest, smallest] = format.floats === 'f16' ? [65_504, 2 ** -24] : [1e6, 1e-9];
    const bound = Math.min(most, largest);
    values.forEach((value, i) => (values[i] = value * Math.min(bound, rowFactor(Math.floor(i / cols)))));
    values.fill(0, 0, cols);
    for (let i = cols; i < 2 * cols; i++) values[i] = (i % 2 === 0 ? bound : smallest) * (i % 3 === 0 ? -1 : 1);
  }
  const weights = rounded(values, format.floats);
  const rowLength = format.kind === 'table' ? cols : paddedWidth(cols);
  return { arrays: [stored(paddedRows(weights, cols, rowLength), format.floats)], weights };
}

/** `most` as {@link floats} has it. */
function quantized(
  { kind, floats: type, rows, cols }: MatrixFormat,
  random: Random,
  most: number | null,
): MadeUpMatrix {
  const bits = kind === 'q4' ? 4 : 8;
  const [zero, levels] = [2 ** (bits - 1), 2 ** bits];
  const quantized = Uint8Array.from(random(rows * cols), (value) => Math.floor(((value + 1) / 2) * levels));
  const blocks = cols / QUANT_BLOCK;
  const scales = random(rows * blocks);
  if (most !== null) {
    scales.forEach((value, i) => (scales[i] = value * Math.min(most / zero, rowFactor(Math.floor(i / blocks)))));
    quantized.fill(zero, 0, cols);
    for (let i = cols; i < 2 * cols; i++) quantized[i] = i % 2 === 0 ? 0 : levels - 1;
  }
  const exact = rounded(scales, type);
  const weights = Float32Array.from(
    quantized,
    (value, i) => (value - zero) * (exact[Math.floor(i / QUANT_BLOCK)] ?? 0),
  );
  const bytes =
    bits === 8 ? quantized : Uint8Array.from({ length: quantized.length / 2 }, (_, i) => pair(quantized, i));
  return { arrays: [bytes, stored(scales, type)], weights };
}

/** Packs two 4-bit values, the first in the lower half of the byte. */
function pair(quantized: Uint8Array, i: number): number {
  return (quantized[2 * i] ?? 0) | ((quantized[2 * i + 1] ?? 0) << 4);
}

/** Rows of `cols` numbers, `stride` apart, with zeros in between. */
export function paddedRows(values: ArrayLike<number>, cols: number, stride: number): Float32Array<ArrayBuffer> {
  const rows = values.length / cols;
  const out = new Float32Array(rows * stride);
  for (let i = 0; i < values.length; i++) out[Math.floor(i / cols) * stride + (i % cols)] = values[i] ?? 0;
  return out;
}

/** The same for a buffer that kernels also write: with a guard after the last row. */
export function guardedRows(values: ArrayLike<number>, cols: number, stride: number): Float32Array<ArrayBuffer> {
  const rows = paddedRows(values, cols, stride);
  const out = new Float32Array(rows.length + GUARD).fill(UNTOUCHED.f32);
  out.set(rows);
  return out;
}

/** Rows of made-up numbers. With `extremes` the first is zero, the others alternate between large, small and usual. */
export function madeUpRows(rows: number, cols: number, random: Random, extremes = false): Float32Array<ArrayBuffer> {
  const values = random(rows * cols);
  if (extremes) {
    values.forEach((value, i) => (values[i] = value * rowFactor(Math.floor(i / cols) - 1)));
    if (rows > 1) values.fill(0, 0, cols);
  }
  return values;
}
