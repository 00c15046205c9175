/**
 * Conversions between 32-bit floats and the two 16-bit kinds, a whole array at a time. The 16-bit values are bit
 * patterns in a `Uint16Array`: f16 is IEEE 754 binary16, bf16 the upper half of a binary32.
 * `Float16Array` would do part of this, but Node 20 and many browsers do not have it.
 */

// The numbers below are f32 bit patterns, written out because the loops run markedly faster than with named constants:
// 0x38000000 moves an exponent biased by 15 (f16) to one biased by 127 (f32); 0x38800000 is 2^-14, under which an f16
// is subnormal; 0x47800000 is 2^16, from which on everything overflows (65520 to 65536 do, too, by rounding);
// 0x7f800000 is infinity.

/**
 * f16 bit patterns to f32, exactly; a NaN keeps its sign and payload.
 * @param src any length
 * @param dst written from the front, at least as long as `src`; a new array of its length when left out
 * @returns `dst`
 * @throws RangeError when `dst` is shorter than `src`
 */
export function f16ToF32(src: Uint16Array, dst: Float32Array = new Float32Array(src.length)): Float32Array {
  const out = bitsOf(dst, src.length);
  for (let i = 0; i < src.length; i++) {
    const half = src[i] ?? 0;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x0400 && magnitude < 0x7c00) out[i] = sign | ((magnitude << 13) + 0x38000000);
    else if (magnitude >= 0x7c00) out[i] = sign | 0x7f800000 | ((magnitude & 0x03ff) << 13);
    else if (magnitude === 0) out[i] = sign;
    else out[i] = sign | subnormalF16(magnitude);
  }
  return dst;
}

/** `magnitude` (1 to 1023) times 2^-24 as f32 bits: the leading one becomes implicit. */
function subnormalF16(magnitude: number): number {
  const shift = Math.clz32(magnitude) - 21; // brings the leading one to bit 10
  return ((113 - shift) << 23) | (((magnitude << shift) & 0x03ff) << 13);
}

/**
 * f32 to f16 bit patterns, rounding to nearest and ties to even, as IEEE 754 and `Math.f16round` do. From 65520 on
 * values become infinity, small ones become subnormal or a zero of their sign, a NaN stays a (quiet) NaN.
 * @param src any length
 * @param dst written from the front, at least as long as `src`; a new array of its length when left out
 * @returns `dst`
 * @throws RangeError when `dst` is shorter than `src`
 */
export function f32ToF16(src: Float32Array, dst: Uint16Array = new Uint16Array(src.length)): Uint16Array {
  const bits = bitsOf(src, src.length);
  if (dst.length < src.length) throw tooShort(dst.length, src.length);
  for (let i = 0; i < src.length; i++) {
    const value = bits[i] ?? 0;
    const magnitude = value & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x38800000 && magnitude < 0x47800000) {
      const odd = (magnitude >>> 13) & 1; // a tie goes up only from an odd last bit; a carry into the exponent is right
      half = (magnitude - 0x38000000 + 0x0fff + odd) >>> 13;
    } else half = unusualF16(magnitude);
    dst[i] = half | ((value >>> 16) & 0x8000);
  }
  return dst;
}

/** The f16 pattern of an f32 magnitude that is zero, subnormal as f16, too large, infinite or NaN. */
function unusualF16(magnitude: number): number {
  if (magnitude > 0x7f800000) return 0x7e00 | ((magnitude >>> 13) & 0x03ff);
  if (magnitude >= 0x47800000) return 0x7c00;
  const shift = 126 - (magnitude >>> 23); // to units of 2^-24
  if (shift > 24) return 0; // under half of the smallest subnormal
  const mantissa = (magnitude & 0x007fffff) | 0x00800000;
  return (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
}

/**
 * bf16 bit patterns to f32, exactly; a NaN keeps its sign and payload. Two at a time where memory allows it.
 * @param src any length
 * @param dst written from the front, at least as long as `src`
 * @returns whether all values are finite: known here for next to nothing
 * @throws RangeError when `dst` is shorter than `src`
 */
export function bf16ToF32(src: Uint16Array, dst: Float32Array): boolean {
  const out = bitsOf(dst, src.length);
  const pairs = src.byteOffset % 4 === 0 ? src.length >> 1 : 0;
  const words = new Int32Array(src.buffer, pairs === 0 ? 0 : src.byteOffset, pairs);
  // An exponent of all ones, plus one, carries into the sign: once negative, it stays so.
  let carry = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? 0;
    out[2 * i] = word << 16;
    out[2 * i + 1] = word & 0xffff0000;
    carry |= (((word << 16) & 0x7f800000) + 0x00800000) | ((word & 0x7f800000) + 0x00800000);
  }
  for (let i = 2 * pairs; i < src.length; i++) {
    const value = (src[i] ?? 0) << 16;
    out[i] = value;
    carry |= (value & 0x7f800000) + 0x00800000;
  }
  return carry >= 0;
}

/** The bit patterns of the first `length` floats, over the same memory. */
function bitsOf(floats: Float32Array, length: number): Int32Array {
  if (floats.length < length) throw tooShort(floats.length, length);
  return new Int32Array(floats.buffer, floats.byteOffset, length);
}

function tooShort(found: number, needed: number): RangeError {
  return new RangeError(`the destination holds ${found} values, ${needed} are needed`);
}
