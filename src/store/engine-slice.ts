/** The engine's life: loading, ready, failed, restarted. The worker itself lies on the workbench, not in the state. */
import type { BackendChoice } from '../protocol/engine-api.ts';
import type { EngineSlice } from './app-state.ts';
import { plainError } from './plain-error.ts';
import type { SliceOf, Workbench } from './workbench.ts';

/** A second failure within this time is shown instead of being repaired in silence. */
const RESTART_PAUSE_MS = 60_000;

/** The engine's slice. */
export function engineSlice(bench: Workbench, backendChoice: BackendChoice): SliceOf<EngineSlice> {
  let lastRestart = Number.NEGATIVE_INFINITY;
  return (set, get) => ({
    engine: { status: 'loading', progress: null },
    engineNotice: null,
    backendChoice,

    loadEngine: async () => {
      bench.connection?.dispose();
      const connection = bench.deps.startEngine();
      bench.connection = connection;
      bench.engineImageId = null; // a new worker knows no image
      const isCurrent = (): boolean => bench.connection === connection;
      set({ engine: { status: 'loading', progress: null } });
      void connection.crashed.then((error) => {
        if (isCurrent() && get().engine.status === 'ready') get().recoverEngine(plainError(error));
      });
      try {
        const info = await connection.api.load(
          { kind: 'url', url: bench.deps.modelUrl },
          get().backendChoice,
          (progress) => {
            if (isCurrent() && get().engine.status === 'loading') set({ engine: { status: 'loading', progress } });
          },
        );
        if (!isCurrent()) return;
        set({ engine: { status: 'ready', info } });
        await get().syncImage();
        get().runQueued();
      } catch (thrown) {
        if (!isCurrent()) return;
        set({ engine: { status: 'failed', error: plainError(thrown) } });
        get().failQueued({ name: 'ModelNotLoadedError', message: 'The model could not be loaded; see above.' });
      }
    },

    setBackendChoice: (choice) => {
      set({ backendChoice: choice, engineNotice: null });
      void get().loadEngine();
    },

    recoverEngine: (error) => {
      bench.connection?.dispose();
      bench.connection = null;
      const now = performance.now();
      if (now - lastRestart < RESTART_PAUSE_MS) {
        set({ engine: { status: 'failed', error } });
        get().failQueued(error);
        return;
      }
      lastRestart = now;
      set({ engineNotice: `The engine was started again: ${error.message}` });
      void get().loadEngine();
    },
  });
}
