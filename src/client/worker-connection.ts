/** A worker that may die, wrapped: when it does every call in flight is rejected. Knows nothing about what the worker does. */
import { type Remote, wrap } from 'comlink';
import { installErrorTransfer } from '../protocol/thrown-errors.ts';
import { NamedError } from '../shared/errors.ts';

/** A running worker. */
export interface WorkerConnection<Api> {
  readonly remote: Remote<Api>;
  /** Resolves with the reason when the worker dies by itself; never when it is disposed of. */
  readonly crashed: Promise<NamedError>;
  /** A call's outcome, or a rejection when the worker ends before. */
  orEnd<T>(call: Promise<T>): Promise<T>;
  /** Ends the worker at once. */
  dispose(): void;
}

/** Wraps a worker that exposes an `Api`. `what` names it in messages: `engine`. */
export function connectWorker<Api>(worker: Worker, what: string): WorkerConnection<Api> {
  installErrorTransfer();
  const remote = wrap<Api>(worker);
  let over = false;
  let rejectCalls: (error: NamedError) => void = () => undefined;
  let reportCrash: (error: NamedError) => void = () => undefined;
  const end = new Promise<never>((_, reject) => {
    rejectCalls = reject;
  });
  end.catch(() => undefined); // handled by the calls in flight, if there are any
  const crashed = new Promise<NamedError>((resolve) => {
    reportCrash = resolve;
  });

  function finish(error: NamedError): void {
    over = true;
    worker.terminate();
    rejectCalls(error);
  }
  function onCrash(detail: string): void {
    if (over) return;
    const error = new NamedError('RuntimeUnavailableError', `The ${what}'s worker stopped unexpectedly${detail}.`);
    finish(error);
    reportCrash(error);
  }
  worker.addEventListener('error', (event) => onCrash(event.message ? `: ${event.message}` : ''));
  worker.addEventListener('messageerror', () => onCrash(': a message could not be read'));

  return {
    remote,
    crashed,
    orEnd: (call) => Promise.race([call, end]),
    dispose: () => {
      if (!over) finish(new NamedError('StoppedError', `The ${what} was closed.`));
    },
  };
}
