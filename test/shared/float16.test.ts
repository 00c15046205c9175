import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32, f32ToF16 } from '../../src/shared/float16.ts';

const everyHalf = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** The value of an f16 by its definition; NaN for every NaN. */
function f16Value(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 0x3ff;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The finite non-negative f16 values, ascending: index is the bit pattern. */
const f16Values = Array.from({ length: 0x7c00 }, (_, i) => f16Value(i));

/** The slow reference: the nearest f16 by search, ties to the even pattern. */
function nearestF16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  let low = 0;
  let high = f16Values.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((f16Values[middle] ?? 0) <= magnitude) low = middle;
    else high = middle - 1;
  }
  const below = magnitude - (f16Values[low] ?? 0);
  const above = (f16Values[low + 1] ?? 65536) - magnitude;
  return sign | (below < above || (below === above && low % 2 === 0) ? low : low + 1);
}

describe('f16ToF32', () => {
  it('gives every one of the 65536 patterns its value', () => {
    const floats = f16ToF32(everyHalf);
    expect(Array.from(everyHalf).filter((half) => !Object.is(floats[half], f16Value(half)))).toEqual([]);
  });

  it('writes into a destination at any offset of its buffer', () => {
    const buffer = new Float32Array(4);
    expect(f16ToF32(Uint16Array.of(0x3c00, 0xc000), buffer.subarray(1, 3))).toEqual(Float32Array.of(1, -2));
    expect(buffer).toEqual(Float32Array.of(0, 1, -2, 0));
  });

  it('refuses a destination that is too short', () => {
    expect(() => f16ToF32(everyHalf, new Float32Array(3))).toThrow(RangeError);
  });
});

describe('f32ToF16', () => {
  it('turns all 65536 values back into their patterns, a NaN into a quiet NaN of the same sign', () => {
    const back = f32ToF16(f16ToF32(everyHalf));
    const isNaN16 = (half: number) => (half & 0x7fff) > 0x7c00;
    const wrong = Array.from(everyHalf).filter((half) => back[half] !== (isNaN16(half) ? half | 0x0200 : half));
    expect(wrong).toEqual([]);
  });

  it('rounds to nearest, ties to even, at and around every midpoint between neighbours', () => {
    const values: number[] = [];
    for (let half = 0; half < 0x7c00; half++) {
      const middle = ((f16Values[half] ?? 0) + (f16Values[half + 1] ?? 65536)) / 2;
      for (const bits of [-1, 0, 1]) {
        const near = new Float32Array([middle]);
        const pattern = new Int32Array(near.buffer);
        pattern[0] = (pattern[0] ?? 0) + bits;
        values.push(near[0] ?? 0, -(near[0] ?? 0));
      }
    }
    const rounded = f32ToF16(Float32Array.from(values));
    expect(values.filter((value, i) => rounded[i] !== nearestF16(value))).toEqual([]);
  });

  it('agrees with the slow reference on arbitrary bit patterns', () => {
    fc.assert(
      fc.property(fc.uint32Array({ minLength: 1, maxLength: 200 }), (bits) => {
        const floats = new Float32Array(bits.slice().buffer);
        const rounded = f32ToF16(floats);
        floats.forEach((value, i) => {
          if (Number.isNaN(value)) expect((rounded[i] ?? 0) & 0x7fff).toBeGreaterThan(0x7c00);
          else expect(rounded[i]).toBe(nearestF16(value));
        });
      }),
      { numRuns: 2000 },
    );
  });

  it('overflows to infinity from 65520 on and underflows to a zero of its sign', () => {
    const values = Float32Array.of(65519, 65520, -65520, 3e38, -Infinity, 2 ** -25, -(2 ** -26), 1e-40, -0);
    const halfBits = [0x7bff, 0x7c00, 0xfc00, 0x7c00, 0xfc00, 0, 0x8000, 0, 0x8000];
    expect(Array.from(f32ToF16(values))).toEqual(halfBits);
  });

  it('refuses a destination that is too short', () => {
    expect(() => f32ToF16(new Float32Array(4), new Uint16Array(3))).toThrow(RangeError);
  });
});

describe('bf16ToF32', () => {
  it('puts all 65536 patterns into the upper half of an f32, at any offset', () => {
    for (const shift of [0, 1]) {
      const src = new Uint16Array(everyHalf.length + shift).subarray(shift);
      src.set(everyHalf);
      const values = new Float32Array(src.length);
      expect(bf16ToF32(src, values)).toBe(false);
      expect(new Uint32Array(values.buffer).findIndex((value, i) => value !== i * 65536)).toBe(-1);
    }
  });

  it('says whether all values are finite', () => {
    const wrong: unknown[] = [];
    for (let half = 0; half < 65536; half++) {
      const isFinite = (half & 0x7f80) !== 0x7f80;
      for (const place of [0, 1, 2]) {
        const src = Uint16Array.of(0x3f80, 0xff7f, 0x8000);
        src[place] = half;
        if (bf16ToF32(src, new Float32Array(3)) !== isFinite) wrong.push([half, place]);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('refuses a destination that is too short', () => {
    expect(() => bf16ToF32(new Uint16Array(3), new Float32Array(2))).toThrow(RangeError);
  });
});
