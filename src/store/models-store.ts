/** The Models screen's store: the library behind its worker, one piece of work at a time. Made when the screen is first shown. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { LibraryConnection } from '../client/library-client.ts';
import type { LibraryApi, ModelProgress } from '../protocol/library-api.ts';
import type { FolderFile } from '../shared/files.ts';
import { RateMeter } from '../shared/rate-meter.ts';
import type { AppStore } from './app-store.ts';
import { readMeasured, writeMeasured } from './measured-rates.ts';
import type { LibraryJob, ModelsState, PickedFolder } from './models-state.ts';
import { modelIn } from './picked-folder.ts';
import { plainError } from './plain-error.ts';
import { addressOf } from '../shared/hub-page.ts';

/** Progress is shown this often. Milliseconds. */
const SHOW_EVERY_MS = 200;

/** A rate of less time than this says nothing about the next model. */
const MEASURED_SECONDS = 5;

const PAUSED = 'Paused. What has arrived stays; go on whenever you like, even after the page was closed.';

/** What the store needs from outside. */
export interface ModelsDeps {
  readonly startLibrary: () => LibraryConnection;
  readonly askToPersist: () => Promise<boolean>;
  readonly canPickFolders: boolean;
  /** Has a folder picked to write into; null: none was picked. */
  readonly pickTarget: () => Promise<FileSystemDirectoryHandle | null>;
  readonly pickFolder: () => Promise<PickedFolder | null>;
  readonly folderOf: (list: FileList) => PickedFolder;
  readonly download: (name: string, files: readonly FolderFile[]) => void;
  /** Calls back once, when a network is found again. Returns what cancels that. */
  readonly whenOnline: (go: () => void) => () => void;
  readonly endpoint: string | null;
}

/** The Models screen's store. */
export type ModelsStore = StoreApi<ModelsState>;

/** Makes the store. `app`: the page's own, which loads the model that is chosen. */
export function createModelsStore(app: AppStore, deps: ModelsDeps): ModelsStore {
  let connection: LibraryConnection | null = null;
  let considering = 0;
  let lastError = '';
  let stopWaiting = (): void => undefined;
  const endpoint = deps.endpoint === null ? null : (addressOf(deps.endpoint) ?? deps.endpoint);
  const emptyForm = { id: '', revision: '', mirror: endpoint ?? '', url: '' };

  return createStore<ModelsState>()((set, get) => {
    function api(): LibraryApi {
      if (connection === null) {
        const started = deps.startLibrary();
        connection = started;
        void started.crashed.then((error) => {
          if (connection === started) connection = null;
          set({ message: { key: null, kind: 'error', text: `${error.message} What was done stays; go on below.` } });
        });
      }
      return connection.api;
    }

    /** Does one piece of work and says how it ended. Never throws: resolves to undefined, and `lastError` is set. */
    async function work<T>(
      about: Pick<LibraryJob, 'kind' | 'key' | 'name'>,
      run: (library: LibraryApi, tell: (progress: ModelProgress) => void) => Promise<T>,
    ): Promise<T | undefined> {
      if (get().job !== null) return undefined;
      lastError = '';
      stopWaiting();
      const meter = new RateMeter();
      const rate = { perSecond: 0, secondsLeft: undefined };
      set({ job: { ...about, progress: null, rate, isEnding: false }, message: null });
      let shownMs = 0;
      let phase = '';
      const tell = (progress: ModelProgress): void => {
        const nowMs = performance.now();
        const job = get().job;
        const next = meter.at(progress.done, progress.total, nowMs);
        const isNews = progress.phase !== phase || progress.waiting !== undefined || progress.done === progress.total;
        if (job === null || (!isNews && nowMs - shownMs < SHOW_EVERY_MS)) return;
        shownMs = nowMs;
        phase = progress.phase;
        set({ job: { ...job, progress, rate: next } });
        const percent = progress.total === 0 ? 0 : Math.floor((100 * progress.done) / progress.total);
        app.getState().setLibraryWork(`${percent} %`);
      };
      const listing = setTimeout(() => void get().refresh(), 500);
      try {
        return await run(api(), tell);
      } catch (thrown) {
        const { name, message } = plainError(thrown);
        lastError = name;
        const isPause = name === 'StoppedError';
        const text = isPause && about.kind === 'add' ? PAUSED : message;
        set({ message: { key: about.key, kind: isPause ? 'notice' : 'error', text } });
        return undefined;
      } finally {
        clearTimeout(listing);
        await get().refresh(); // first: what the list said while the work went on would look like another tab's
        set({ job: null });
        app.getState().setLibraryWork(null);
      }
    }

    /** Work that makes a model. */
    async function make(
      about: Pick<LibraryJob, 'key' | 'name'>,
      isRemote: boolean,
      run: (library: LibraryApi, tell: (progress: ModelProgress) => void) => Promise<string>,
    ): Promise<void> {
      void deps.askToPersist();
      const start = { ms: 0, done: 0 };
      let perSecond = 0;
      const key = await work({ kind: 'add', ...about }, (library, tell) =>
        run(library, (progress) => {
          tell(progress);
          if (progress.phase !== 'weights' && progress.phase !== 'copy') return;
          const now = { ms: performance.now(), done: progress.done };
          if (start.ms === 0) Object.assign(start, now);
          const seconds = (now.ms - start.ms) / 1000;
          if (seconds > MEASURED_SECONDS) perSecond = (now.done - start.done) / seconds;
        }),
      );
      set({ measured: writeMeasured(get().measured, isRemote ? 'download' : 'local', perSecond) });
      if (key !== undefined) {
        set({ message: { key, kind: 'notice', text: `${about.name} is ready on this device.` } });
      } else if (lastError === 'HubError' && isRemote) {
        stopWaiting = deps.whenOnline(() => {
          const begun = get().library?.models.find((model) => model.key === about.key);
          if (begun?.state.kind === 'partial') void get().resume(begun, null);
        });
      }
    }

    async function tryDtype(): Promise<void> {
      const considered = get().considered;
      if (considered?.status !== 'ready') return;
      const choice = considered.survey.choices.find(({ dtype }) => dtype === considered.dtype);
      const ticket = ++considering; // a trial under way is of another dtype
      if (choice === undefined || choice.trialBytes === 0) return set({ considered: { ...considered, trial: null } });
      set({ considered: { ...considered, trial: 'running' } });
      const trial = await api()
        .tryMachine(choice.trialBytes)
        .catch(() => null);
      const current = get().considered;
      if (ticket === considering && current?.status === 'ready') set({ considered: { ...current, trial } });
    }

    return {
      library: null,
      job: null,
      considered: null,
      removing: [],
      message: null,
      measured: readMeasured(),
      endpoint,
      form: emptyForm,
      canPickFolders: deps.canPickFolders,
      folderOf: (list) => modelIn(deps.folderOf(list)),

      pickFolder: async () => {
        try {
          const picked = await deps.pickFolder();
          return picked === null ? null : modelIn(picked);
        } catch (thrown) {
          set({ message: { key: null, kind: 'error', text: plainError(thrown).message } });
          return null;
        }
      },

      fillIn: (fields) => set({ form: { ...get().form, ...fields } }),

      refresh: async () => {
        try {
          set({ library: await api().list() });
        } catch (thrown) {
          set({ message: { key: null, kind: 'error', text: plainError(thrown).message } });
        }
      },

      consider: async (origin) => {
        const ticket = ++considering;
        set({ considered: { status: 'looking', origin }, message: null });
        try {
          const survey = await api().survey(origin, app.getState().backendChoice);
          if (ticket !== considering) return;
          set({ considered: { status: 'ready', origin, survey, dtype: survey.proposed, trial: null } });
          await tryDtype();
        } catch (thrown) {
          if (ticket === considering) set({ considered: { status: 'failed', origin, error: plainError(thrown) } });
        }
      },

      chooseDtype: (dtype) => {
        const { considered } = get();
        if (considered?.status !== 'ready') return;
        set({ considered: { ...considered, dtype } });
        void tryDtype();
      },

      tryAgain: () => void tryDtype(),

      forget: () => {
        considering++;
        set({ considered: null });
      },

      add: async () => {
        const { considered } = get();
        if (considered?.status !== 'ready' || get().job !== null) return;
        const { origin, survey, dtype } = considered;
        get().forget();
        set({ form: emptyForm });
        const key = survey.choices.find((choice) => choice.dtype === dtype)?.key ?? '';
        await make({ key, name: survey.name }, survey.downloadBytes > 0, (library, tell) =>
          library.add(origin, dtype, tell),
        );
      },

      resume: (model, files) =>
        make({ key: model.key, name: model.name }, model.origin.kind !== 'files', (library, tell) =>
          library.resume(model.key, files, tell),
        ),

      pause: async () => {
        stopWaiting();
        const { job } = get();
        if (job === null) return;
        set({ job: { ...job, isEnding: true } });
        await api()
          .pause()
          .catch(() => undefined); // the job ends with what the worker died of
      },

      remove: async (model) => {
        if (get().removing.includes(model.key)) return;
        set({
          removing: [...get().removing, model.key],
          message: { key: model.key, kind: 'notice', text: `Deleting ${model.name}…` },
        });
        const { selection, selectModel } = app.getState();
        const isCurrent = selection.kind === 'stored' && selection.key === model.key;
        try {
          const { job } = get();
          if (job?.key === model.key) await get().pause();
          if (isCurrent) selectModel({ kind: 'bundled' }); // the engine lets go of it
          await api().remove(model.key);
          set({ message: { key: null, kind: 'notice', text: `${model.name} (${model.dtype}) was deleted.` } });
        } catch (thrown) {
          if (isCurrent) selectModel(selection);
          set({ message: { key: model.key, kind: 'error', text: plainError(thrown).message } });
        }
        await get().refresh();
        set({ removing: get().removing.filter((key) => key !== model.key) });
      },

      verify: async ({ key, name }) => {
        const state = await work({ kind: 'verify', key, name }, (library, tell) => library.verify(key, tell));
        if (state === undefined) return;
        const text = state.kind === 'damaged' ? state.why : `Every byte of ${name} is as it was written.`;
        set({ message: { key, kind: state.kind === 'damaged' ? 'error' : 'notice', text } });
      },

      exportModel: async ({ key, name, dtype }) => {
        try {
          if (!deps.canPickFolders) return deps.download(`${name}-${dtype}`, await api().files(key));
          const target = await deps.pickTarget();
          if (target === null) return;
          const isDone = await work({ kind: 'export', key, name }, async (library, tell) => {
            await library.exportTo(key, target, tell);
            return true;
          });
          if (isDone) set({ message: { key, kind: 'notice', text: `${name} was copied to ${target.name}.` } });
        } catch (thrown) {
          set({ message: { key, kind: 'error', text: plainError(thrown).message } });
        }
      },

      dismiss: () => set({ message: null }),
    };
  });
}
