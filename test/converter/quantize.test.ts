/** Blockwise quantisation: round trip, error bounds and memory layout. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FloatType } from '../../src/onnx/precision.ts';
import { quantizeRows } from '../../src/converter/quantize.ts';
import { f16ToF32, f32ToF16 } from '../../src/shared/float16.ts';

const BLOCK = 32;
const SCALE_TYPES = ['f16', 'f32'] as const;

/** The quantized values as the kernels read them: low nibble first, minus the zero point. */
function quantizedValues(weights: Uint8Array, bits: 4 | 8): number[] {
  const unsigned = bits === 8 ? [...weights] : [...weights].flatMap((byte) => [byte & 15, byte >> 4]);
  return unsigned.map((quantized) => quantized - 2 ** (bits - 1));
}

/** Quantizes rows and dequantizes them as the kernels do. */
function restored(values: Float32Array, bits: 4 | 8, type: FloatType): number[] {
  const { weights, scales } = quantizeRows(values, bits, type);
  return quantizedValues(weights, bits).map((quantized, i) => quantized * (scales[Math.floor(i / BLOCK)] ?? NaN));
}

function stored(scale: number, type: FloatType): number {
  return type === 'f32' ? Math.fround(scale) : (f16ToF32(f32ToF16(Float32Array.of(scale)))[0] ?? NaN);
}

/** Reference: rounds to nearest in doubles. The first element of largest magnitude maps to the most negative quantized value. */
function nearest(block: Float32Array, bits: 4 | 8, type: FloatType): { scale: number; quantized: number[] } {
  const middle = 2 ** (bits - 1);
  const extreme = block.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  const scale = stored(extreme / -middle, type);
  const found = [...block].map((value) => (scale === 0 ? 0 : Math.round(value / scale)));
  return { scale, quantized: found.map((quantized) => Math.min(middle - 1, Math.max(-middle, quantized))) };
}

function squaredError(found: readonly number[], expected: Float32Array): number {
  return found.reduce((sum, value, i) => sum + (value - (expected[i] ?? NaN)) ** 2, 0);
}

const value = fc.oneof(
  { weight: 4, arbitrary: fc.float({ min: -4, max: 4, noNaN: true }) },
  { weight: 2, arbitrary: fc.integer({ min: -7, max: 7 }).map((i) => i / 8) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, 1, -1) },
);
const tiny = fc.float({ min: Math.fround(-1e-30), max: Math.fround(1e-30), noNaN: true });
const underF16 = fc.float({ min: Math.fround(-4e-6), max: Math.fround(4e-6), noNaN: true });
const huge = fc.float({ min: Math.fround(-3e38), max: Math.fround(3e38), noNaN: true });
const blocksOf = (element: fc.Arbitrary<number>): fc.Arbitrary<Float32Array> =>
  fc
    .integer({ min: 1, max: 4 })
    .chain((blocks) => fc.array(element, { minLength: blocks * BLOCK, maxLength: blocks * BLOCK }))
    .map((values) => Float32Array.from(values));
const rows = fc.oneof(blocksOf(value), blocksOf(tiny), blocksOf(underF16), blocksOf(fc.oneof(value, tiny, underF16)));

describe.each([4, 8] as const)('quantizeRows with %i bits', (bits) => {
  const middle = 2 ** (bits - 1);

  it.each(SCALE_TYPES)('gives every element the nearest quantized value under its %s scale', (type) => {
    fc.assert(
      fc.property(rows, (values) => {
        const { weights, scales } = quantizeRows(values, bits, type);
        const all = quantizedValues(weights, bits);
        expect(all).toHaveLength(values.length);
        expect([...scales]).toEqual([...scales].map((scale) => stored(scale, type)));
        values.forEach((expected, i) => {
          const scale = scales[Math.floor(i / BLOCK)] ?? NaN;
          const quantized = all[i] ?? NaN;
          if (scale === 0) return expect(quantized).toBe(0);
          const exact = Math.min(middle - 1, Math.max(-middle, expected / scale));
          expect(Math.abs(quantized - exact)).toBeLessThanOrEqual(0.5001);
        });
      }),
      { numRuns: 300 },
    );
  });

  it.each(SCALE_TYPES)('is worse than rounding to nearest on no block, with %s scales', (type) => {
    fc.assert(
      fc.property(fc.oneof(rows, blocksOf(huge)), (values) => {
        const found = restored(values, bits, type);
        for (let start = 0; start < values.length; start += BLOCK) {
          const block = values.subarray(start, start + BLOCK);
          const nearestBlock = nearest(block, bits, type);
          if (!Number.isFinite(nearestBlock.scale)) continue; // f16 cannot hold it: writing refuses it
          const energy = squaredError(new Array<number>(BLOCK).fill(0), block);
          const bound = squaredError(
            nearestBlock.quantized.map((quantized) => quantized * nearestBlock.scale),
            block,
          );
          // The kernel sums in f32, and takes blocks of subnormal floats for zeros.
          const slack = 1e-6 * energy + BLOCK * (2 ** -126) ** 2;
          expect(squaredError(found.slice(start, start + BLOCK), block)).toBeLessThanOrEqual(bound + slack);
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each(SCALE_TYPES)('restores values that quantized values and an %s scale represent exactly', (type) => {
    const quantized = fc.integer({ min: -middle, max: middle - 1 });
    const scale = fc.constantFrom(1, -1, 0.5, 2 ** -12, -(2 ** -14), 3 * 2 ** -7, 1025 / 1024, 2 ** -24);
    fc.assert(
      fc.property(fc.array(quantized, { minLength: BLOCK - 1, maxLength: BLOCK - 1 }), scale, (exact, unit) => {
        const values = Float32Array.from([-middle, ...exact], (each) => each * unit); // the extreme is there
        expect(Float32Array.from(restored(values, bits, type), (each) => each + 0)).toEqual(
          values.map((each) => each + 0),
        );
      }),
    );
  });

  it('gives zeros for a block of zeros', () => {
    const { weights, scales } = quantizeRows(new Float32Array(BLOCK), bits, 'f16');
    expect(quantizedValues(weights, bits)).toEqual(new Array<number>(BLOCK).fill(0));
    expect(Math.abs(scales[0] ?? NaN)).toBe(0);
  });

  it('gives zeros where the scale is less than half of the smallest f16, and nonzero values just above', () => {
    const smallest = 2 ** -24;
    for (const [share, kept] of [
      [0.49, false],
      [0.51, true],
    ] as const) {
      const values = new Float32Array(BLOCK).fill(-middle * smallest * share);
      const found = restored(values, bits, 'f16');
      expect(found.map((each) => each !== 0)).toEqual(new Array<boolean>(BLOCK).fill(kept));
    }
  });

  it('gives a scale that f16 cannot hold where values are too large', () => {
    const { scales } = quantizeRows(new Float32Array(BLOCK).fill(-3e38), bits, 'f16');
    expect(f32ToF16(scales)[0]).toBe(0x7c00);
    const most = Float32Array.of(...new Array<number>(BLOCK - 1).fill(1), -middle * 65504);
    expect(restored(most, bits, 'f16').at(-1)).toBe(-middle * 65504);
  });

  it('treats every block independently, in pieces of any size', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const whole = quantizeRows(values, bits, 'f16');
        const blockBytes = (BLOCK * bits) / 8;
        for (let block = 0; block < values.length / BLOCK; block++) {
          const one = quantizeRows(values.slice(block * BLOCK, (block + 1) * BLOCK), bits, 'f16');
          expect(whole.weights.subarray(block * blockBytes, (block + 1) * blockBytes)).toEqual(one.weights);
          expect(whole.scales[block]).toBe(one.scales[0]);
        }
      }),
      { numRuns: 50 },
    );
    const long = Float32Array.from({ length: 3 * 65536 + BLOCK }, (_, i) => Math.sin(i * i));
    const last = quantizeRows(long.slice(-BLOCK), bits, 'f16');
    const { weights, scales } = quantizeRows(long, bits, 'f16');
    expect(weights.slice((-BLOCK * bits) / 8)).toEqual(last.weights);
    expect(scales.at(-1)).toBe(last.scales[0]);
  });
});

describe('4 bits', () => {
  it('put the even element into the low nibble', () => {
    const values = new Float32Array(BLOCK);
    values[0] = -8; // the extreme: scale 1, stored as 0
    values[1] = 3; // stored as 11
    values[2] = 7; // stored as 15
    const { weights, scales } = quantizeRows(values, 4, 'f32');
    expect(scales[0]).toBe(1);
    expect([...weights.subarray(0, 3)]).toEqual([0xb0, 0x8f, 0x88]);
  });

  it('lose a tenth less of the squared error of normal weights than rounding to nearest', () => {
    let seed = 1;
    const uniform = (): number => ((seed = (seed * 48271) % 2147483647) + 0.5) / 2147483648;
    const values = Float32Array.from(
      { length: 1024 * BLOCK },
      () => 0.02 * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
    );
    let nearestError = 0;
    for (let start = 0; start < values.length; start += BLOCK) {
      const block = values.subarray(start, start + BLOCK);
      const { scale, quantized: found } = nearest(block, 4, 'f16');
      nearestError += squaredError(
        found.map((quantized) => quantized * scale),
        block,
      );
    }
    expect(squaredError(restored(values, 4, 'f16'), values)).toBeLessThan(0.9 * nearestError);
  });
});

describe('8 bits', () => {
  it('are rounded to nearest, ties up: what the bundled model was made with, to the byte', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(...SCALE_TYPES), (values, type) => {
        const { weights, scales } = quantizeRows(values, 8, type);
        for (let start = 0; start < values.length; start += BLOCK) {
          const nearestBlock = nearest(values.subarray(start, start + BLOCK), 8, type);
          expect(scales[start / BLOCK]).toBe(nearestBlock.scale);
          const inverse = nearestBlock.scale === 0 ? 0 : 1 / nearestBlock.scale;
          const exact = [...values.subarray(start, start + BLOCK)].map((each) =>
            Math.min(127, Math.max(-128, Math.round(each * inverse))),
          );
          expect(quantizedValues(weights.subarray(start, start + BLOCK), 8)).toEqual(exact.map((each) => each + 0));
        }
      }),
      { numRuns: 300 },
    );
  });
});
