/** The Models screen's store: the library behind its worker, one job at a time. Made when the screen is first shown. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { LibraryApi } from '../protocol/library-api.ts';
import type { AppStore } from './app-store.ts';
import { LibraryJobs, type ModelsDeps } from './library-jobs.ts';
import { readMeasured } from './measured-rates.ts';
import type { ModelsState } from './models-state.ts';
import { modelIn } from './picked-folder.ts';
import { chosenBackend } from './engine-slice.ts';
import { plainError } from './plain-error.ts';
import { addressOf } from '../shared/hub-page.ts';

/** The Models screen's store. */
export type ModelsStore = StoreApi<ModelsState>;

/** Makes the store. `app`: the page's own, which loads the model that is chosen. */
export function createModelsStore(app: AppStore, deps: ModelsDeps): ModelsStore {
  let considering = 0;
  const endpoint = deps.endpoint === null ? null : (addressOf(deps.endpoint) ?? deps.endpoint);
  const emptyForm = { id: '', revision: '', mirror: endpoint ?? '', url: '' };

  return createStore<ModelsState>()((set, get) => {
    const jobs = new LibraryJobs({ app, deps, store: { get, set } });
    const api = (): LibraryApi => jobs.api();

    async function tryDtype(): Promise<void> {
      const considered = get().considered;
      if (considered?.status !== 'ready') return;
      const choice = considered.survey.choices.find(({ dtype }) => dtype === considered.dtype);
      const ticket = ++considering; // a trial in progress belongs to another dtype
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
          const survey = await api().survey(origin, chosenBackend(app.getState()));
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
        await jobs.make({ key, name: survey.name }, survey.downloadBytes > 0, (library, onProgress) =>
          library.add(origin, dtype, onProgress),
        );
      },

      resume: (model, files) =>
        jobs.make({ key: model.key, name: model.name }, model.origin.kind !== 'files', (library, onProgress) =>
          library.resume(model.key, files, onProgress),
        ),

      pause: async () => {
        jobs.stopWaiting();
        const { job } = get();
        if (job === null) return;
        set({ job: { ...job, isEnding: true } });
        await api()
          .pause()
          .catch(() => undefined); // the job ends with the error that killed the worker
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
          if (isCurrent) selectModel({ kind: 'bundled' }); // makes the engine release it
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
        const verified = await jobs.run({ kind: 'verify', key, name }, (library, onProgress) =>
          library.verify(key, onProgress),
        );
        if (!verified.done) return;
        const state = verified.value;
        const text = state.kind === 'damaged' ? state.why : `Every byte of ${name} is as it was written.`;
        set({ message: { key, kind: state.kind === 'damaged' ? 'error' : 'notice', text } });
      },

      exportModel: async ({ key, name, dtype }) => {
        try {
          if (!deps.canPickFolders) return deps.download(`${name}-${dtype}`, await api().files(key));
          const target = await deps.pickTarget();
          if (target === null) return;
          const exported = await jobs.run({ kind: 'export', key, name }, (library, onProgress) =>
            library.exportTo(key, target, onProgress),
          );
          if (exported.done) set({ message: { key, kind: 'notice', text: `${name} was copied to ${target.name}.` } });
        } catch (thrown) {
          set({ message: { key, kind: 'error', text: plainError(thrown).message } });
        }
      },

      dismiss: () => set({ message: null }),
    };
  });
}
