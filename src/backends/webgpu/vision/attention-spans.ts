/** Which rows attend to which in the vision tower, as spans of rows in window order: within windows, and over the whole image. */

/** u32 `[n, 4]`: first query, end of queries, first key, end of keys. */
export type Spans = Uint32Array<ArrayBuffer>;

/**
 * Spans of at most `queries` queries.
 * @param windowRows `[windows, windowPatches]`: rows of each window, which follow on each other, padding at its end
 * @param patches rows in all
 */
export function windowSpans(
  windowRows: ArrayLike<bigint | number>,
  windowPatches: number,
  patches: number,
  queries: number,
): Spans {
  const spans: number[] = [];
  for (let at = 0; at < windowRows.length; at += windowPatches) {
    const begin = Number(windowRows[at]);
    const end = Number(windowRows[at + windowPatches] ?? patches);
    spans.push(...spansOf(begin, end, queries));
  }
  return Uint32Array.from(spans);
}

/** Spans of at most `queries` queries over all rows. */
export function imageSpans(patches: number, queries: number): Spans {
  return Uint32Array.from(spansOf(0, patches, queries));
}

function spansOf(begin: number, end: number, queries: number): number[] {
  const spans: number[] = [];
  for (let query = begin; query < end; query += queries) spans.push(query, Math.min(query + queries, end), begin, end);
  return spans;
}
