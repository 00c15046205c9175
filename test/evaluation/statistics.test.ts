import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { median, medianRatio, summarize } from '../../src/evaluation/statistics.ts';

describe('the median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));

  it('has as many values below as above, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        const below = values.filter((value) => value < middle).length;
        const above = values.filter((value) => value > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
        expect(median(values.toReversed()) === middle).toBe(true); // 0 and -0 are the same
      }),
    );
  });
});

describe('a summary', () => {
  it('reports count, median and extremes', () => {
    expect(summarize([3, 1, 2])).toEqual({ count: 3, median: 2, min: 1, max: 3 });
  });
  it('of nothing is nothing', () => expect(summarize([])).toBeNull());
});

describe('the ratio', () => {
  it('is the median over pairs, so that one slow moment of the machine does not count', () => {
    expect(medianRatio([10, 10, 100], [30, 30, 300])).toBe(3);
    expect(medianRatio([10, 10, 10], [30, 31, 900])).toBe(3.1);
  });
  it('uses whole pairs only, and is null without any', () => {
    expect(medianRatio([10, 10], [20])).toBe(2);
    expect(medianRatio([], [20])).toBeNull();
  });
});
