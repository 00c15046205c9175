/** Stopping a job of the library. */
import { NamedError } from '../shared/errors.ts';

/** Throws StoppedError when `signal` has been given. */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new NamedError('StoppedError', 'Paused. What is there stays; resume whenever you like.');
}
