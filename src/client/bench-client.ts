/** The page's view of the engines under test, one wrapped worker each, and of the worker that makes random folders. */
import { proxy, wrap } from 'comlink';
import type { EngineUnderTestApi, EngineName, RandomFolderApi } from '../protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../protocol/engine-api.ts';
import { installErrorTransfer } from '../protocol/thrown-errors.ts';

/** A running worker with an engine in it. */
export interface EngineUnderTestConnection {
  readonly api: EngineUnderTestApi;
  /** Rejects when the worker dies by itself. */
  readonly crashed: Promise<never>;
  /** Ends the worker at once; calls in flight never settle. */
  dispose(): void;
}

/** Starts an engine's worker. */
export function connectEngineUnderTest(engine: EngineName): EngineUnderTestConnection {
  installErrorTransfer();
  const worker =
    engine === 'ours'
      ? new Worker(new URL('../../workers/ours.worker.ts', import.meta.url), { type: 'module' })
      : new Worker(new URL('../../workers/upstream.worker.ts', import.meta.url), { type: 'module' });
  const remote = wrap<EngineUnderTestApi>(worker);
  const crashed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => reject(new Error(`its worker died: ${event.message || 'no reason'}`)));
    worker.addEventListener('messageerror', () => reject(new Error('its worker sent what cannot be read')));
  });
  crashed.catch(() => undefined); // handled by the call in flight, if there is one
  return {
    api: {
      load: (source, backend, onProgress, experiment) => remote.load(source, backend, proxy(onProgress), experiment),
      addPicture: (name, file) => remote.addPicture(name, file),
      measure: (probe) => remote.measure(probe),
      memory: () => remote.memory(),
    },
    crashed,
    dispose: () => worker.terminate(),
  };
}

/** Files of a preset with random weights; `language` is the URL of the folder whose tokenizer they get. */
export async function makeRandomFolder(
  preset: string,
  backend: BackendChoice,
  language: string,
): Promise<FolderSource> {
  installErrorTransfer();
  const worker = new Worker(new URL('../../workers/random-folder.worker.ts', import.meta.url), { type: 'module' });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener('error', (event) => reject(new Error(`the folder could not be made: ${event.message}`)));
  });
  try {
    return await Promise.race([wrap<RandomFolderApi>(worker).randomFolder(preset, backend, language), failed]);
  } finally {
    worker.terminate(); // the files stay: their bytes belong to the browser
  }
}
