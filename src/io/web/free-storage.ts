/**
 * Chromium reports at most this much as free, or the size of the disk where that is less: a page must not learn from the quota
 * whether its window is private. The real quota still limits writing. Bytes.
 * Source: chromestatus.com, feature 4977371751645184, "Predictable reported storage quota" (2025).
 */
const REPORTED_AT_MOST_BYTES = 10 * 2 ** 30;

/** This origin's free capacity as the browser reports it. Bytes; null where it reports none. */
export interface FreeStorage {
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Whether `freeBytes` is the most the browser ever reports: there may be more. */
  readonly mayBeMore: boolean;
}

/** Asks the browser for its estimate. */
export async function freeStorage(): Promise<FreeStorage> {
  const { quota, usage } = await navigator.storage.estimate();
  const freeBytes = quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
  return { usedBytes: usage ?? null, freeBytes, mayBeMore: freeBytes === REPORTED_AT_MOST_BYTES };
}
