/**
 * The layout of rows between kernels and in float matrices: each row is zero-padded to a whole number of quantisation blocks,
 * so that a kernel that walks over a row block by block never needs a bounds check.
 */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import { roundUp } from '../gpu/kernel.ts';

/** 8-element vectors, and vec4s, of a block. */
export const VEC8S_PER_BLOCK = QUANT_BLOCK / 8;
export const VEC4S_PER_BLOCK = QUANT_BLOCK / 4;

/** Blocks of a row of `width` numbers, the last possibly padded. */
export function blocksOf(width: number): number {
  return Math.ceil(width / QUANT_BLOCK);
}

/** Numbers from one row of `width` to the next. */
export function paddedWidth(width: number): number {
  return roundUp(width, QUANT_BLOCK);
}

/** Bytes of `rows` padded rows of f32. */
export function rowBytes(rows: number, width: number): number {
  return rows * paddedWidth(width) * 4;
}

/** Whether rows of all these widths are free of padding, so that they can share one buffer at different times. */
export function haveNoPadding(widths: readonly number[]): boolean {
  return widths.every((width) => width % QUANT_BLOCK === 0);
}
