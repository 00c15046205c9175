/**
 * The engine as the page sees it: a worker, wrapped. A worker is disposable: when it dies every call in flight is
 * rejected, and the store starts another one. Knows nothing about what the engine does.
 */
import { proxy, wrap } from 'comlink';
import type { EngineApi } from '../protocol/engine-api.ts';
import { installErrorTransfer } from '../protocol/thrown-errors.ts';
import { NamedError } from '../shared/errors.ts';

/** A running engine worker. */
export interface EngineConnection {
  /** The worker's interface. Calls in flight are rejected when the worker dies or is disposed of. */
  readonly api: EngineApi;
  /** Resolves with the reason when the worker dies by itself; never when it is disposed of. */
  readonly crashed: Promise<NamedError>;
  /** Ends the worker at once. */
  dispose(): void;
}

/** Starts the engine's worker. */
export function startEngine(): EngineConnection {
  return connectEngine(new Worker(new URL('../../workers/engine.worker.ts', import.meta.url), { type: 'module' }));
}

/** Wraps a worker that exposes an `EngineApi`. */
export function connectEngine(worker: Worker): EngineConnection {
  installErrorTransfer();
  const remote = wrap<EngineApi>(worker);
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
    const error = new NamedError('RuntimeUnavailableError', `The engine's worker stopped unexpectedly${detail}.`);
    finish(error);
    reportCrash(error);
  }
  worker.addEventListener('error', (event) => onCrash(event.message ? `: ${event.message}` : ''));
  worker.addEventListener('messageerror', () => onCrash(': a message could not be read'));

  const orEnd = <T>(call: Promise<T>): Promise<T> => Promise.race([call, end]);
  return {
    api: {
      load: (source, backend, onEvent) => orEnd(remote.load(source, backend, proxy(onEvent))),
      setImage: (file) => orEnd(remote.setImage(file)),
      readAhead: (settings) => orEnd(remote.readAhead(settings)),
      ask: (question, settings, onEvent) => orEnd(remote.ask(question, settings, proxy(onEvent))),
      stop: () => orEnd(remote.stop()),
    },
    crashed,
    dispose: () => {
      if (!over) finish(new NamedError('StoppedError', 'The engine was closed.'));
    },
  };
}
