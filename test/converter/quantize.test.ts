/** Blockwise quantisation: what comes back, how far off it may be, and how it lies in memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quantizeRows } from '../../src/converter/quantize.ts';

const BLOCK = 32;

/** Codes as the kernels read them: low nibble first. */
function codes(weights: Uint8Array, bits: 4 | 8): number[] {
  return bits === 8 ? [...weights] : [...weights].flatMap((byte) => [byte & 15, byte >> 4]);
}

const value = fc.oneof(
  fc.float({ min: -4, max: 4, noNaN: true }),
  fc.constantFrom(0, -0, 1, -1),
  fc.float({ min: Math.fround(-1e-30), max: Math.fround(1e-30), noNaN: true }),
);
const rows = fc
  .integer({ min: 1, max: 4 })
  .chain((blocks) => fc.array(value, { minLength: blocks * BLOCK, maxLength: blocks * BLOCK }))
  .map((values) => Float32Array.from(values));

describe.each([4, 8] as const)('quantizeRows with %i bits', (bits) => {
  const middle = 2 ** (bits - 1);

  it('is off by at most half a scale, or a whole one at the far end of the range', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const { weights, scales } = quantizeRows(values, bits, Math.fround);
        const all = codes(weights, bits);
        expect(all).toHaveLength(values.length);
        values.forEach((expected, i) => {
          const scale = scales[Math.floor(i / BLOCK)] ?? NaN;
          const code = all[i] ?? NaN;
          const found = (code - middle) * scale;
          const bound = code === 2 * middle - 1 ? Math.abs(scale) : Math.abs(scale) / 2;
          expect(Math.abs(found - expected)).toBeLessThanOrEqual(bound * 1.0001 + 1e-38);
          if (expected === 0) expect(Math.abs(found)).toBe(0);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('gives the element of largest magnitude back exactly where the scale is exact', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: BLOCK - 1 }), fc.constantFrom(-2, -0.5, 0.25, 8), (at, extreme) => {
        const values = new Float32Array(BLOCK).fill(extreme / 5);
        values[at] = extreme;
        const { weights, scales } = quantizeRows(values, bits, Math.fround);
        const found = ((codes(weights, bits)[at] ?? NaN) - middle) * (scales[0] ?? NaN);
        expect(found).toBe(extreme);
      }),
    );
  });

  it('gives zeros for a block of zeros', () => {
    const { weights, scales } = quantizeRows(new Float32Array(BLOCK), bits, Math.fround);
    expect(codes(weights, bits)).toEqual(new Array<number>(BLOCK).fill(middle));
    expect(Math.abs(scales[0] ?? NaN)).toBe(0);
  });

  it('rounds against the scale that will be stored', () => {
    const coarse = (scale: number): number => Math.round(scale * 4) / 4;
    const values = Float32Array.from({ length: BLOCK }, (_, i) => (i - 16) / 2);
    const { weights, scales } = quantizeRows(values, bits, coarse);
    const scale = scales[0] ?? NaN;
    expect(scale).toBe(coarse(-8 / -middle));
    if (scale === 0) return;
    codes(weights, bits).forEach((code, i) => {
      const wanted = Math.round((values[i] ?? 0) / scale) + middle;
      expect(code).toBe(Math.min(2 * middle - 1, Math.max(0, wanted)));
    });
  });

  it('treats every block by itself', () => {
    fc.assert(
      fc.property(rows, (values) => {
        const whole = quantizeRows(values, bits, Math.fround);
        const blockBytes = (BLOCK * bits) / 8;
        for (let block = 0; block < values.length / BLOCK; block++) {
          const one = quantizeRows(values.slice(block * BLOCK, (block + 1) * BLOCK), bits, Math.fround);
          expect(whole.weights.subarray(block * blockBytes, (block + 1) * blockBytes)).toEqual(one.weights);
          expect(whole.scales[block]).toBe(one.scales[0]);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('4 bits', () => {
  it('put the even element into the low half of the byte', () => {
    const values = new Float32Array(BLOCK);
    values[0] = -8; // the extreme: scale 1, code 0
    values[1] = 3; // code 11
    values[2] = 7; // code 15
    const { weights, scales } = quantizeRows(values, 4, Math.fround);
    expect(scales[0]).toBe(1);
    expect([...weights.subarray(0, 3)]).toEqual([0xb0, 0x8f, 0x88]);
  });
});
