/** Compares the results of a case with the reference. */
import { f16ToF32 } from '../../../shared/float16.ts';
import type { Expected } from './kernel-case.ts';

/** Guard numbers after the last row of an output, which detect out-of-range writes. */
export const GUARD = 64;

/** Fills outputs before a run: a number no kernel produces, as f32, f16 (twice per word) and u32. */
export const UNTOUCHED = { f32: -12_345.5, f16: 0xdead, u32: 0xdeadbeef } as const;

/** Below this f16 loses bits. */
const LEAST_NORMAL_F16 = 2 ** -14;

/** The result of a comparison. */
export interface Comparison {
  /** The largest error, relative to the largest expected number of its row; Infinity for NaN, and for a number that should have stayed untouched. */
  readonly error: number;
  /** The largest error in words. */
  readonly detail: string;
}

/** Bytes of an output with its guard. */
export function outputBytes({ values, type, cols, stride }: Expected): number {
  const rows = values.length / cols;
  return Math.ceil(((rows * stride + GUARD) * (type === 'f16' ? 2 : 4)) / 16) * 16;
}

/** An output before the run: untouched everywhere. */
export function untouched(expected: Expected): ArrayBufferView<ArrayBuffer> {
  const bytes = outputBytes(expected);
  switch (expected.type) {
    case 'f32':
      return new Float32Array(bytes / 4).fill(UNTOUCHED.f32);
    case 'f16':
      return new Uint16Array(bytes / 2).fill(UNTOUCHED.f16);
    case 'u32':
      return new Uint32Array(bytes / 4).fill(UNTOUCHED.u32);
  }
}

/** Compares an output with the expected values, and elsewhere with `before`, its content before the run. */
export function compare(expected: Expected, found: Numbers, before: Numbers): Comparison {
  const { values, cols, stride, scales, type } = expected;
  const rows = values.length / cols;
  const least = type === 'f16' ? LEAST_NORMAL_F16 : 0;
  let worst: Comparison = { error: 0, detail: 'equal' };
  for (let at = 0; at < before.length; at++) {
    const [row, col] = [Math.floor(at / stride), at % stride];
    const value = found[at] ?? NaN;
    if (row >= rows || col >= cols) {
      if (Object.is(value, before[at])) continue;
      return { error: Infinity, detail: `row ${row}, ${col} is nobody's, was ${before[at]} and is ${value}` };
    }
    const reference = values[row * cols + col] ?? NaN;
    if (Number.isNaN(reference) || value === reference) continue;
    const scale = scales?.[row * cols + col] ?? largestOf(values.subarray(row * cols, (row + 1) * cols));
    const error = Math.abs(value - reference) / Math.max(scale, least);
    if (error <= worst.error) continue;
    worst = {
      error: Number.isNaN(error) ? Infinity : error,
      detail: `row ${row}, ${col}: ${value} instead of ${reference}`,
    };
  }
  return worst;
}

/** Compares the results of two devices. */
export function compareDevices(expected: Expected, one: Numbers, other: Numbers): Comparison {
  const { values, cols, stride } = expected;
  const reference = values.map((value, i) =>
    Number.isNaN(value) ? NaN : (other[Math.floor(i / cols) * stride + (i % cols)] ?? NaN),
  );
  return compare({ ...expected, values: reference }, one, one);
}

function largestOf(row: Numbers): number {
  let most = 0;
  for (const value of row) if (Math.abs(value) > most) most = Math.abs(value);
  return most;
}

/** An output's numbers. */
export type Numbers = Float32Array | Uint32Array;

/** The numbers in an output's bytes. */
export function numbersOf({ type }: Pick<Expected, 'type'>, bytes: ArrayBuffer): Numbers {
  switch (type) {
    case 'f32':
      return new Float32Array(bytes);
    case 'f16':
      return f16ToF32(new Uint16Array(bytes));
    case 'u32':
      return new Uint32Array(bytes);
  }
}
