/** Remembers how fast earlier models were made here, to estimate the next one's time. */
import { isObject, tryParseJson } from '../shared/json.ts';

const STORAGE_KEY = 'visionthink-rates';

/** Bytes of a checkpoint a second; null: never measured here. */
export interface MeasuredRates {
  readonly download: number | null;
  readonly local: number | null;
}

/** Rates measured by earlier sessions. */
export function readMeasured(): MeasuredRates {
  try {
    const json = tryParseJson(globalThis.localStorage.getItem(STORAGE_KEY) ?? '');
    const rate = (key: string): number | null => {
      const value = isObject(json) ? json[key] : null;
      return typeof value === 'number' && value > 0 ? value : null;
    };
    return { download: rate('download'), local: rate('local') };
  } catch {
    return { download: null, local: null }; // storage is disabled
  }
}

/** Remembers a rate and returns all of them. */
export function writeMeasured(before: MeasuredRates, which: keyof MeasuredRates, perSecond: number): MeasuredRates {
  if (!(perSecond > 0)) return before;
  const rates = { ...before, [which]: perSecond };
  try {
    globalThis.localStorage.setItem(STORAGE_KEY, JSON.stringify(rates));
  } catch {
    // storage is disabled: remembered for as long as the page is open
  }
  return rates;
}
