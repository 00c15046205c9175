/** Cancellation of a library job. */
import { NamedError } from '../shared/errors.ts';

/** Throws StoppedError when the signal has fired. */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new NamedError('StoppedError', 'Paused. What is there stays; resume whenever you like.');
}
