/** The attention pattern of the vision tower, as spans of rows in window order: within windows, and over the whole image. */

/** u32 `[n, 4]`: first query, end of queries, first key, end of keys. */
export type Spans = Uint32Array<ArrayBuffer>;

/**
 * Spans of at most `queries` queries within windows.
 * @param windowSizes rows of each window; windows are contiguous
 */
export function windowSpans(windowSizes: readonly number[], queries: number): Spans {
  let begin = 0;
  const spans = windowSizes.flatMap((size) => {
    const end = begin + size;
    const own = spansOf(begin, end, queries);
    begin = end;
    return own;
  });
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
