/** Progress in a terminal: one line that is overwritten, or, without a terminal, a line every few seconds. On stderr. */
import { type Rate, RateMeter } from '../shared/rate-meter.ts';

/** A line for a log appears this often, a terminal's is renewed this often. Milliseconds. */
const LOG_EVERY_MS = 5000;
const TERMINAL_EVERY_MS = 200;

/** Shows the progress of a job with several phases. */
export class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY;
  readonly #meter = new RateMeter();
  #phase = '';
  #done = -1;
  #shownMs = 0;
  #isOpen = false;

  /** `done` of `total` bytes of a phase; `detail` is the current file or tensor. */
  show(phase: string, done: number, total: number, detail: string): void {
    const now = performance.now();
    const rate = this.#meter.at(done, total, now);
    const isNews = phase !== this.#phase || (done === total && done !== this.#done);
    this.#done = done;
    if (!isNews && now - this.#shownMs < (this.#isTerminal ? TERMINAL_EVERY_MS : LOG_EVERY_MS)) return;
    this.#phase = phase;
    this.#shownMs = now;
    const text = `${describe(phase, done, total, rate)}  ${detail}`;
    if (!this.#isTerminal) {
      process.stderr.write(`${text}\n`);
      return;
    }
    const width = Math.max(20, (process.stderr.columns || 80) - 1);
    process.stderr.write(`\r${text.slice(0, width).padEnd(width)}`);
    this.#isOpen = true;
  }

  /** Whether a line of progress was shown. */
  get wasShown(): boolean {
    return this.#phase !== '';
  }

  /** Prints a message on its own line. */
  note(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }

  /** Ends the line. */
  end(): void {
    if (this.#isOpen) process.stderr.write('\n');
    this.#isOpen = false;
  }
}

function describe(phase: string, done: number, total: number, { perSecond, secondsLeft }: Rate): string {
  const percent = `${Math.floor(total === 0 ? 100 : (100 * done) / total)} %`.padStart(5);
  const speed = perSecond === 0 ? '' : `  ${(perSecond / 1e6).toFixed(0)} MB/s`;
  const left = secondsLeft === undefined || done === total ? '' : `  ${clock(secondsLeft)} left`;
  return `${percent}  ${phase} ${gigabytes(done)} of ${gigabytes(total)} GB${speed}${left}`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}

/** Seconds as minutes and seconds, with hours when there are any. */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] === 0 ? parts.slice(1) : parts;
  return shown.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}
