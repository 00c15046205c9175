/** Limits the time spent waiting for the browser or the driver: some failures of onnxruntime never reject. */
import { NamedError } from '../../../shared/errors.ts';

/** Rejects with RuntimeUnavailableError when `work` has not settled after `limitMs`. */
export function withTimeout<T>(work: Promise<T>, limitMs: number, doing: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      const seconds = Math.round(limitMs / 1000);
      reject(
        new NamedError(
          'RuntimeUnavailableError',
          `${doing} took longer than ${seconds} s. Reload the page to try again.`,
        ),
      );
    }, limitMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
