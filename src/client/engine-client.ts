/**
 * The engine as the page sees it: a worker, wrapped. A worker is disposable: when it dies every call in flight is
 * rejected, and the store starts another one. Knows nothing about what the engine does.
 */
import { proxy } from 'comlink';
import type { EngineApi } from '../protocol/engine-api.ts';
import type { NamedError } from '../shared/errors.ts';
import { connectWorker } from './worker-connection.ts';

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
  const { remote, crashed, orEnd, dispose } = connectWorker<EngineApi>(worker, 'engine');
  return {
    api: {
      backends: () => orEnd(remote.backends()),
      load: (source, backend, onEvent) => orEnd(remote.load(source, backend, proxy(onEvent))),
      setImage: (file) => orEnd(remote.setImage(file)),
      planImage: (limits) => orEnd(remote.planImage(limits)),
      addImage: (file) => orEnd(remote.addImage(file)),
      prefetch: (settings, chat) => orEnd(remote.prefetch(settings, chat)),
      ask: (question, settings, onEvent, chat) => orEnd(remote.ask(question, settings, proxy(onEvent), chat)),
      newChat: () => orEnd(remote.newChat()),
      resetCaches: () => orEnd(remote.resetCaches()),
      stop: () => orEnd(remote.stop()),
      diagnose: () => orEnd(remote.diagnose()),
      setKernelTiming: (on) => orEnd(remote.setKernelTiming(on)),
    },
    crashed,
    dispose,
  };
}
