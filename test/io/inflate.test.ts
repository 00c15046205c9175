/** Inflating zlib streams that may be cut short, against Node's zlib. */
import { deflateSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inflate } from '../../src/io/image-headers/inflate.ts';

/** The whole output of `inflate`. */
function inflated(zlib: Uint8Array, most = Infinity): { bytes: number[]; adler: number; end: number | undefined } {
  const bytes: number[] = [];
  const { adler, end } = inflate(zlib, most, (piece) => bytes.push(...piece));
  return { bytes, adler, end };
}

/** Bytes with repetitions, of a length around the window's. */
const content = fc
  .tuple(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 300 }))
  .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, (_, i) => Buffer.from([...piece, i % 7]))));

describe('inflate', () => {
  it.each([
    ['stored', { level: 0 }],
    ['fixed codes', { strategy: constants.Z_FIXED }],
    ['Huffman only', { strategy: constants.Z_HUFFMAN_ONLY }],
    ['best', { level: 9 }],
  ])('gives back what was deflated: %s', (_, options) => {
    fc.assert(
      fc.property(content, (original) => {
        const zlib = deflateSync(original, options);
        const { bytes, adler, end } = inflated(zlib);
        expect(Buffer.from(bytes).equals(original)).toBe(true);
        expect(end).toBe(zlib.length - 4);
        expect(adler).toBe(zlib.readUInt32BE(zlib.length - 4));
      }),
      { numRuns: 30 },
    );
  });

  it('gives the available bytes of a truncated stream, and does not report its end', () => {
    const original = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * i) % 251));
    const zlib = deflateSync(original);
    for (let length = 0; length < zlib.length - 4; length += 7) {
      const { bytes, end } = inflated(zlib.subarray(0, length));
      expect(end).toBeUndefined();
      expect(Buffer.from(bytes).equals(original.subarray(0, bytes.length))).toBe(true);
    }
  });

  it('stops at the limit', () => {
    expect(inflated(deflateSync(Buffer.alloc(1 << 20)), 1000).bytes).toHaveLength(1000);
  });

  it('never throws, whatever the bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void inflate(bytes, 1 << 16)));
  });
});
