/**
 * The library's work, one job at a time: starts the worker when it is first needed, shows progress in the Models screen's state, and
 * reports how a job ended. What a job has stored stays, however it ends.
 */
import type { LibraryConnection } from '../client/library-client.ts';
import type { LibraryApi, ModelProgress } from '../protocol/library-api.ts';
import type { FolderFile } from '../shared/files.ts';
import { RateMeter } from '../shared/rate-meter.ts';
import type { AppStore } from './app-store.ts';
import { writeMeasured } from './measured-rates.ts';
import type { LibraryJob, ModelsState, PickedFolder } from './models-state.ts';
import { plainError } from './plain-error.ts';

/** Milliseconds between two updates of the progress on show. */
const SHOW_EVERY_MS = 200;

/** Shortest measurement that predicts the next model's rate. */
const MEASURED_SECONDS = 5;

/** The list is read again this long after a job has started: its model has a folder by then. Milliseconds. */
const LIST_AFTER_MS = 500;

const PAUSED = 'Paused. What has arrived stays; resume whenever you like, even after the page was closed.';

/** The dependencies of the Models screen's store. */
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

/** A job's callback for progress. */
type OnProgress = (progress: ModelProgress) => void;

/** The outcome of a job. `error`: the name of the error that ended it; null when another job was running, so that it never started. */
export type JobOutcome<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly error: string | null };

/** What jobs work with. */
interface JobContext {
  readonly app: AppStore;
  readonly deps: ModelsDeps;
  readonly store: { readonly get: () => ModelsState; readonly set: (part: Partial<ModelsState>) => void };
}

/** Runs the library's jobs. */
export class LibraryJobs {
  readonly #context: JobContext;
  #connection: LibraryConnection | null = null;
  #stopWaiting = (): void => undefined;

  constructor(context: JobContext) {
    this.#context = context;
  }

  /** The library behind its worker, which is started when there is none. */
  api(): LibraryApi {
    const { deps, store } = this.#context;
    if (this.#connection !== null) return this.#connection.api;
    const started = deps.startLibrary();
    this.#connection = started;
    void started.crashed.then((error) => {
      if (this.#connection === started) this.#connection = null;
      store.set({
        message: { key: null, kind: 'error', text: `${error.message} What was done stays; resume it below.` },
      });
    });
    return started.api;
  }

  /** No longer resumes by itself when a network is found again. */
  stopWaiting(): void {
    this.#stopWaiting();
  }

  /** Runs one job unless another one runs. Never throws: a failure is shown as a message, and named in the outcome. */
  async run<T>(
    about: Pick<LibraryJob, 'kind' | 'key' | 'name'>,
    work: (library: LibraryApi, onProgress: OnProgress) => Promise<T>,
  ): Promise<JobOutcome<T>> {
    const { app, store } = this.#context;
    if (store.get().job !== null) return { done: false, error: null };
    this.stopWaiting();
    const rate = { perSecond: 0, secondsLeft: undefined };
    store.set({ job: { ...about, progress: null, rate, isEnding: false }, message: null });
    const listing = setTimeout(() => void store.get().refresh(), LIST_AFTER_MS);
    try {
      return { done: true, value: await work(this.api(), this.#progressShower()) };
    } catch (thrown) {
      const { name, message } = plainError(thrown);
      const isPause = name === 'StoppedError';
      const text = isPause && about.kind === 'add' ? PAUSED : message;
      store.set({ message: { key: about.key, kind: isPause ? 'notice' : 'error', text } });
      return { done: false, error: name };
    } finally {
      clearTimeout(listing);
      await store.get().refresh(); // before the job is cleared: what the list said during the job would look like another tab's
      store.set({ job: null });
      app.getState().setLibraryWork(null);
    }
  }

  /** Runs a job that makes a model, measures its rate, and resumes it when a network that broke is found again. */
  async make(
    about: Pick<LibraryJob, 'key' | 'name'>,
    isRemote: boolean,
    work: (library: LibraryApi, onProgress: OnProgress) => Promise<string>,
  ): Promise<void> {
    const { deps, store } = this.#context;
    void deps.askToPersist();
    const start = { ms: 0, done: 0 };
    let perSecond = 0;
    const outcome = await this.run({ kind: 'add', ...about }, (library, onProgress) =>
      work(library, (progress) => {
        onProgress(progress);
        if (progress.phase !== 'weights' && progress.phase !== 'copy') return;
        const now = { ms: performance.now(), done: progress.done };
        if (start.ms === 0) Object.assign(start, now);
        const seconds = (now.ms - start.ms) / 1000;
        if (seconds > MEASURED_SECONDS) perSecond = (now.done - start.done) / seconds;
      }),
    );
    store.set({ measured: writeMeasured(store.get().measured, isRemote ? 'download' : 'local', perSecond) });
    if (outcome.done) {
      store.set({ message: { key: outcome.value, kind: 'notice', text: `${about.name} is ready on this device.` } });
    } else if (outcome.error === 'HubError' && isRemote) {
      this.#stopWaiting = deps.whenOnline(() => {
        const started = store.get().library?.models.find((model) => model.key === about.key);
        if (started?.state.kind === 'partial') void store.get().resume(started, null);
      });
    }
  }

  /** Shows a job's progress, not too often. */
  #progressShower(): OnProgress {
    const { app, store } = this.#context;
    const meter = new RateMeter();
    let shownMs = 0;
    let phase = '';
    return (progress) => {
      const nowMs = performance.now();
      const job = store.get().job;
      const rate = meter.at(progress.done, progress.total, nowMs);
      const isNews = progress.phase !== phase || progress.waiting !== undefined || progress.done === progress.total;
      if (job === null || (!isNews && nowMs - shownMs < SHOW_EVERY_MS)) return;
      shownMs = nowMs;
      phase = progress.phase;
      store.set({ job: { ...job, progress, rate } });
      const percent = progress.total === 0 ? 0 : Math.floor((100 * progress.done) / progress.total);
      app.getState().setLibraryWork(`${percent} %`);
    };
  }
}
