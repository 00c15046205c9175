/** Cancellation: work that can be abandoned at any await, on a device that cannot be interrupted. */
import { NamedError } from '../shared/errors.ts';

/** Throws StoppedError when the signal has fired. */
export function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new NamedError('StoppedError', 'Stopped.');
}

/**
 * Runs device work one task at a time. A stop stops waiting immediately; the running task completes in the background, and
 * the next task waits for it.
 */
export class DeviceQueue {
  #last: Promise<unknown> = Promise.resolve();
  readonly #leavesThreadFree: boolean;

  /** `leavesThreadFree`: whether awaiting a task does. If not, the queue lets messages in before each task. */
  constructor(leavesThreadFree: boolean) {
    this.#leavesThreadFree = leavesThreadFree;
  }

  /** Runs `work` after all earlier work. Throws StoppedError as soon as the signal fires, whether it waits or runs. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    throwIfStopped(signal);
    const before = this.#last;
    const running = this.#after(before, signal, work);
    this.#last = running.catch(() => undefined);
    return untilStopped(signal, running);
  }

  /** Resolves when no work runs or waits. */
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

/** The result of `running`. Throws StoppedError if the signal fires first. */
export function untilStopped<T>(signal: AbortSignal, running: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new NamedError('StoppedError', 'Stopped.'));
    const onAbort = (): void => reject(new NamedError('StoppedError', 'Stopped.'));
    signal.addEventListener('abort', onAbort, { once: true });
    void running.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Yields to the thread's next message. Uses a MessageChannel because timers are clamped to 4 ms. */
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
