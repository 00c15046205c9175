/** Stopping: work that can be left at any await, on a device that cannot be interrupted. */
import { NamedError } from '../shared/errors.ts';

/** Throws StoppedError when the signal has fired. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new NamedError('StoppedError', 'Stopped.');
}

/**
 * Device work, one piece at a time. A stop leaves the piece under way at once; the piece itself runs to its end in the
 * background, and whatever comes next waits for it.
 */
export class DeviceQueue {
  #last: Promise<unknown> = Promise.resolve();
  readonly #leavesThreadFree: boolean;

  /** `leavesThreadFree`: whether awaiting a piece does. If not, the queue lets messages in before each piece. */
  constructor(leavesThreadFree: boolean) {
    this.#leavesThreadFree = leavesThreadFree;
  }

  /** Runs `work` after everything before it. Throws StoppedError as soon as the signal fires, waiting or not. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    throwIfStopped(signal);
    const before = this.#last;
    const running = this.#after(before, signal, work);
    this.#last = running.catch(() => undefined);
    return untilStopped(signal, running);
  }

  /** Resolves when nothing is under way, nor waiting. */
  async idle(): Promise<void> {
    for (let last: unknown; last !== this.#last;) {
      last = this.#last;
      await last;
    }
  }

  async #after<T>(before: Promise<unknown>, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await before;
    if (!this.#leavesThreadFree) await nextTask();
    throwIfStopped(signal);
    return work();
  }
}

/** What `running` gives. Throws StoppedError as soon as the signal fires, if that comes first. */
export function untilStopped<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new NamedError('StoppedError', 'Stopped.'));
    const onAbort = (): void => reject(new NamedError('StoppedError', 'Stopped.'));
    signal.addEventListener('abort', onAbort, { once: true });
    void running.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Lets the thread take its next message. A MessageChannel, because timers are clamped to 4 ms. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
