/** Summary statistics of repeated measurements. */

/** Summary of several measurements of one thing. */
export interface Summary {
  readonly count: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The middle value; of an even number of values the mean of the middle two. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Sums up values; null without any. */
export function summarize(values: readonly number[]): Summary | null {
  if (values.length === 0) return null;
  return { count: values.length, median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * How many times as long the second takes as the first: the median over pairs that were measured one after the other, so
 * that a machine that slows down affects both equally. Null without pairs.
 */
export function medianRatio(first: readonly number[], second: readonly number[]): number | null {
  const pairs = Math.min(first.length, second.length);
  if (pairs === 0) return null;
  return median(Array.from({ length: pairs }, (_, i) => (second[i] ?? Number.NaN) / (first[i] ?? Number.NaN)));
}
