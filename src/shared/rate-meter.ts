/** The rate of a count and the time left, from the last few seconds. Independent of the counted unit. */

/** Only the last of this many milliseconds count, so that the rate follows a connection that became slow. */
const WINDOW_MS = 15_000;

/** Speed and time left. */
export interface Rate {
  /** Units per second; 0 before the first estimate. */
  readonly perSecond: number;
  /** Seconds until `total`; undefined before the first estimate. */
  readonly secondsLeft: number | undefined;
}

/** Receives a running count and reports its growth rate. */
export class RateMeter {
  readonly #marks: { readonly ms: number; readonly done: number }[] = [];

  /** `done` of `total` at `nowMs` (of any steady clock, milliseconds). A `done` below the last restarts the measurement. */
  at(done: number, total: number, nowMs: number): Rate {
    const last = this.#marks.at(-1);
    if (last !== undefined && done < last.done) this.#marks.length = 0;
    this.#marks.push({ ms: nowMs, done });
    // The first mark of the window stays: it is where the count starts.
    while ((this.#marks[1]?.ms ?? Infinity) < nowMs - WINDOW_MS) this.#marks.shift();
    const first = this.#marks[0] ?? { ms: nowMs, done };
    const seconds = (nowMs - first.ms) / 1000;
    const perSecond = seconds > 0 ? (done - first.done) / seconds : 0;
    return { perSecond, secondsLeft: perSecond > 0 ? Math.max(0, total - done) / perSecond : undefined };
  }
}
