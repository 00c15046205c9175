/** The runs that a prompt is cut into. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Piece, runsOf, runTokens } from '../../src/engine/prefill-chunks.ts';
import { countTokens, type Segment, slotsOf } from '../../src/engine/segments.ts';

const text = (...ids: number[]): Segment => ({ kind: 'text', ids });
const image = (serial: number, height: number, width: number): Segment => ({
  kind: 'image',
  serial,
  grid: { height, width },
  features: () => Promise.reject(new Error('not asked for')),
});
const sizes = (runs: readonly (readonly Piece[])[]): number[][] => runs.map((run) => run.map(({ count }) => count));
const slots = (runs: readonly (readonly Piece[])[]): number[] =>
  runs.flat().flatMap(({ segment, first, count }) => slotsOf(segment).slice(first, first + count));

describe('a prompt', () => {
  const prompt = [text(1, 2, 3), image(0, 2, 3), text(4, 5)];

  it('is one run where it fits', () => {
    expect(sizes(runsOf(prompt, 0, 100))).toEqual([[3, 6, 2]]);
  });

  it('may start within a segment, and end a run within another', () => {
    expect(sizes(runsOf(prompt, 1, 4))).toEqual([[2, 2], [4], [2]]);
    expect(sizes(runsOf(prompt, 9, 4))).toEqual([[2]]);
  });

  it('that is fully cached has no runs', () => {
    expect(runsOf(prompt, 11, 4)).toEqual([]);
  });

  it('is covered once and in order, however it is cut', () => {
    const segment = fc.oneof(
      fc.array(fc.nat(9), { maxLength: 9 }).map((ids) => text(...ids)),
      fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })).map((args) => image(...args)),
    );
    fc.assert(
      fc.property(fc.array(segment), fc.nat(60), fc.integer({ min: 1, max: 20 }), (segments, from, most) => {
        const runs = runsOf(segments, from, most);
        expect(slots(runs)).toEqual(segments.flatMap(slotsOf).slice(from));
        const tokens = Math.max(0, countTokens(segments) - from);
        expect(runs.map(runTokens)).toEqual(
          Array.from({ length: Math.ceil(tokens / most) }, (_, i) => Math.min(most, tokens - i * most)),
        );
      }),
    );
  });
});
