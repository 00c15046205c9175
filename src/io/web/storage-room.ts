/**
 * Chromium says that this much is left, or the size of the disk where that is less, however much really is: a page is not to learn
 * from it whether its window is private. Writing is limited by the real quota all the same. Bytes.
 * Source: chromestatus.com, feature 4977371751645184, "Predictable reported storage quota" (2025).
 */
const TOLD_AT_MOST_BYTES = 10 * 2 ** 30;

/** What the browser says of this origin's room. Bytes; null where it does not tell. */
export interface StorageRoom {
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Whether `freeBytes` is as much as the browser ever tells of: there may be more. */
  readonly mayBeMore: boolean;
}

/** Asks the browser for it. */
export async function storageRoom(): Promise<StorageRoom> {
  const { quota, usage } = await navigator.storage.estimate();
  const freeBytes = quota === undefined || usage === undefined ? null : Math.max(0, quota - usage);
  return { usedBytes: usage ?? null, freeBytes, mayBeMore: freeBytes === TOLD_AT_MOST_BYTES };
}
