/** The engine's life: loading, ready, failed, restarted. The worker itself belongs to the session, not to the state. */
import type { BackendChoice, BackendOption } from '../protocol/engine-api.ts';
import type { LoadProgress } from '../protocol/events.ts';
import { RateMeter } from '../shared/rate-meter.ts';
import type { EngineSlice } from './app-state.ts';
import { sourceOf } from './model-slice.ts';
import { plainError } from './plain-error.ts';
import { fittingSwitches } from './settings-form.ts';
import type { EngineSession, SliceOf } from './engine-session.ts';

/** A second failure within this time is shown instead of repaired silently. */
const RESTART_PAUSE_MS = 60_000;

/** What was chosen to run on; null for `auto`, and until the engine's worker has said what there is. */
export function chosenBackend({ backendChoice, backendOptions }: EngineSlice): BackendOption | null {
  return backendOptions.find(({ id }) => id === backendChoice) ?? null;
}

/** The engine's slice. */
export function engineSlice(session: EngineSession, backendChoice: BackendChoice): SliceOf<EngineSlice> {
  let hadTool = true;
  let lastRestart = Number.NEGATIVE_INFINITY;
  return (set, get) => ({
    engine: { status: 'loading', progress: null },
    loadRate: { perSecond: 0, secondsLeft: undefined },
    engineNotice: null,
    backendChoice,
    backendOptions: [],

    loadEngine: async () => {
      const connection = session.start();
      const isCurrent = (): boolean => session.isCurrent(connection);
      let meter = new RateMeter();
      let phase: LoadProgress['phase'] | null = null;
      set({ engine: { status: 'loading', progress: null } });
      void connection.crashed.then((error) => {
        if (isCurrent() && get().engine.status === 'ready') get().recoverEngine(plainError(error));
      });
      void connection.api.backends().then(
        (backendOptions) => set({ backendOptions }),
        () => undefined, // the worker is gone; so the load fails, too
      );
      try {
        const info = await connection.api.load(
          sourceOf(get().selection, session.deps.pageUrl),
          get().backendChoice,
          (progress) => {
            if (!isCurrent() || get().engine.status !== 'loading') return;
            if (progress.phase !== phase) meter = new RateMeter();
            phase = progress.phase;
            const loadRate = meter.at(progress.loaded, progress.total, performance.now());
            set({ engine: { status: 'loading', progress }, loadRate });
          },
        );
        if (!isCurrent()) return;
        set({
          engine: { status: 'ready', info },
          form: { ...get().form, ...fittingSwitches(get().form, info.model, hadTool) },
        });
        hadTool = info.model.tool !== null;
        await get().syncImage();
        get().runQueued();
      } catch (thrown) {
        if (!isCurrent()) return;
        connection.dispose(); // useless now, and it might keep the model from being deleted
        set({ engine: { status: 'failed', error: plainError(thrown) } });
        get().failQueued({ name: 'ModelNotLoadedError', message: 'The model could not be loaded; see above.' });
      }
    },

    setBackendChoice: (choice) => {
      set({ backendChoice: choice, engineNotice: null });
      void get().loadEngine();
    },

    recoverEngine: (error) => {
      session.end();
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

    diagnose: async () => (await session.api?.diagnose().catch(() => null)) ?? null,
    setKernelTiming: async (on) => session.api?.setKernelTiming(on),
  });
}
