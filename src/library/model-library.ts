/**
 * The library of models: list, survey, add, resume, verify, delete. It accesses storage, machines and sources through the
 * interfaces it is given; a model's state is read from its directory.
 */
import { type ConvertOptions, convertCheckpoint } from '../converter/convert.ts';
import { parseDtype } from '../converter/dtypes.ts';
import { type Manifest, MANIFEST_FILE } from '../model/manifest.ts';
import { readManifest } from '../model/read-manifest.ts';
import type { BackendOption } from '../protocol/engine-api.ts';
import type {
  Finding,
  Library,
  ModelOrigin,
  ModelProgress,
  ModelSurvey,
  StoredModel,
  StoredOrigin,
  StoredState,
} from '../protocol/library-api.ts';
import { isNamed, NamedError } from '../shared/errors.ts';
import type { FileSource, FolderFile } from '../shared/files.ts';
import { copyModel } from './copy-model.ts';
import { type Entry, keyOf, readEntry, writeEntry } from './entry.ts';
import { judgeTrial, type Machine } from './fit.ts';
import type { ModelDirectory, ModelStorage } from './model-storage.ts';
import { describeModel } from './stored-model.ts';
import { isModelFolder, type OpenedOrigin, surveyModel } from './survey-model.ts';
import { noteVerification, verifyModel } from './verification.ts';

/** Dependencies of the library. */
export interface LibraryDeps {
  readonly storage: ModelStorage;
  /** Opens an origin. `onWait` receives a sentence when a request failed and will be retried. Throws HubError, ModelFolderError. */
  readonly open: (origin: ModelOrigin, signal: AbortSignal, onWait: (why: string) => void) => Promise<OpenedOrigin>;
  readonly probe: () => Promise<Machine>;
  /** Trial allocation of bytes on the graphics device. */
  readonly tryBytes: (bytes: number) => Promise<{ readonly takenBytes: number; readonly refusal: string | null }>;
}

/** A model to be added. */
interface Job {
  readonly key: string;
  readonly origin: ModelOrigin;
  readonly dtype: string;
  readonly report: Report;
  readonly signal: AbortSignal;
}

/** Receives the progress of a job. */
export type Report = (progress: ModelProgress) => void;

/** The models of one storage. */
export class ModelLibrary {
  readonly #deps: LibraryDeps;
  #job: { readonly stop: AbortController; readonly ended: Promise<unknown> } | null = null;

  constructor(deps: LibraryDeps) {
    this.#deps = deps;
  }

  async list(): Promise<Library> {
    const { storage } = this.#deps;
    const locks = await storage.locks();
    const models: StoredModel[] = [];
    for (const key of await storage.keys()) {
      const directory = await storage.open(key, false);
      if (directory !== undefined) models.push(await describeModel(key, directory, locks.get(key)));
    }
    return { models: models.toSorted((a, b) => a.name.localeCompare(b.name)), storage: await storage.facts() };
  }

  async survey(origin: ModelOrigin, backend: BackendOption | null): Promise<ModelSurvey> {
    const { open, probe, storage } = this.#deps;
    const opened = await open(origin, new AbortController().signal, () => undefined);
    const keyFor = (dtype: string): Promise<string> => keyOf(origin, dtype);
    return surveyModel(opened, { machine: await probe(), storage: await storage.facts(), backend, keyFor });
  }

  async tryMachine(bytes: number): Promise<Finding> {
    const { takenBytes, refusal } = await this.#deps.tryBytes(bytes);
    return judgeTrial(bytes, takenBytes, refusal);
  }

  async add(origin: ModelOrigin, dtype: string, report: Report): Promise<string> {
    return this.#work(async (signal) => {
      const key = await keyOf(origin, dtype);
      const directory = await this.#deps.storage.open(key, false);
      const entry = directory === undefined ? undefined : await readEntry(directory.notes);
      return this.#make({ key, origin: reopened(origin, entry), dtype, report, signal });
    });
  }

  async resume(key: string, files: readonly FolderFile[] | null, report: Report): Promise<string> {
    return this.#work(async (signal) => {
      const { notes } = await this.#existing(key);
      const entry = await readEntry(notes);
      if (entry === undefined) {
        throw new NamedError(
          'ModelFolderError',
          `What ${key} was made from is not known any more. Delete it, then add it again.`,
        );
      }
      const { origin, dtype } = entry;
      if (origin.kind === 'files' && files === null) {
        throw new NamedError(
          'UsageError',
          `${entry.name} is made from files of this device. Choose the folder ${origin.name} again.`,
        );
      }
      const from: ModelOrigin =
        origin.kind === 'files' ? { kind: 'files', name: origin.name, files: files ?? [] } : reopened(origin, entry);
      return this.#make({ key, origin: from, dtype, report, signal });
    });
  }

  async pause(): Promise<void> {
    this.#job?.stop.abort();
    await this.#job?.ended;
  }

  async remove(key: string): Promise<void> {
    await this.#deps.storage.lock(key, 'exclusive', () => this.#deps.storage.remove(key));
  }

  async verify(key: string, report: Report): Promise<StoredState> {
    return this.#work((signal) =>
      this.#deps.storage.lock(key, 'shared', async () => {
        const directory = await this.#existing(key);
        const onProgress = (done: number, total: number, detail: string): void =>
          report({ phase: 'verify', done, total, detail });
        await verifyModel(directory, await readManifest(directory.model), onProgress, signal);
        return (await describeModel(key, directory, undefined)).state;
      }),
    );
  }

  /** Reads a complete model's files under a shared lock. `use` gets the manifest first. Throws ModelFolderError. */
  async withFiles<T>(key: string, use: (files: readonly FolderFile[], signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#work((signal) =>
      this.#deps.storage.lock(key, 'shared', async () => {
        const { model } = await this.#existing(key);
        const manifest = await readManifest(model);
        const paths = [MANIFEST_FILE, ...manifest.files.map(({ path }) => path)];
        const files: FolderFile[] = [];
        for (const path of paths) {
          const blob = await model.blob(path);
          if (blob === undefined) {
            throw new NamedError('ModelFolderError', `${manifest.name} lacks ${path}. Delete it, then add it again.`);
          }
          files.push({ path, blob });
        }
        return use(files, signal);
      }),
    );
  }

  async #existing(key: string): Promise<ModelDirectory> {
    const directory = await this.#deps.storage.open(key, false);
    if (directory !== undefined) return directory;
    throw new NamedError('ModelFolderError', `There is no model ${key} on this device any more. Choose another one.`);
  }

  /** Runs one job at a time. */
  async #work<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#job !== null) {
      throw new NamedError('BusyError', 'Another model is being worked on. Wait until it is done, or pause it.');
    }
    const stop = new AbortController();
    const running = work(stop.signal);
    const job = { stop, ended: running.catch(() => undefined) };
    this.#job = job;
    try {
      return await running;
    } finally {
      stop.abort(); // aborts prefetching requests
      this.#job = null;
    }
  }

  async #make({ key, origin, dtype, report, signal }: Job): Promise<string> {
    const { storage, open } = this.#deps;
    return storage.lock(key, 'exclusive', async () => {
      const before = await storage.open(key, false);
      const state = before === undefined ? undefined : (await describeModel(key, before, undefined)).state.kind;
      if (state === 'ready') return key;
      const known = before === undefined ? undefined : await readEntry(before.notes);

      let last: ModelProgress = { phase: 'weights', done: 0, total: 0, detail: '' };
      const onProgress = (progress: ModelProgress): void => report((last = progress));
      const opened = await open(origin, signal, (waiting) => report({ ...last, waiting }));
      const survey = await surveyModel(opened, {
        machine: '',
        storage: await storage.facts(),
        backend: null,
        keyFor: async () => key,
      });
      const folderBytes = survey.choices.find((choice) => choice.dtype === dtype)?.folderBytes ?? survey.readBytes;
      const directory = await storage.open(key, true);
      if (directory === undefined) throw new Error(`the directory ${key} was not made`);
      await writeEntry(directory.notes, {
        name: survey.name,
        dtype,
        origin: known?.origin ?? opened.origin,
        folderBytes,
      });
      const manifest = (await isModelFolder(opened.source))
        ? await copyModel(
            opened.source,
            directory,
            (done, total, detail) => onProgress({ phase: 'copy', done, total, detail }),
            signal,
          )
        : await convert(opened.source, directory, {
            dtype: parseDtype(dtype),
            restart: state === 'damaged',
            signal,
            onProgress,
          });
      // Both hash what they write.
      await noteVerification(directory, manifest);
      return key;
    });
  }
}

/** Converts. Rewords the error of a conversion that cannot be resumed for the page. */
async function convert(source: FileSource, { model }: ModelDirectory, options: ConvertOptions): Promise<Manifest> {
  try {
    return await convertCheckpoint(source, model, options);
  } catch (cause) {
    if (!isNamed(cause, 'ResumeError')) throw cause;
    throw new NamedError(
      'ResumeError',
      `${source.name} was started here with other files, or by another version of this page, so it cannot be resumed with these. ` +
        'Nothing of it is lost. Choose the files it was started with, or delete it and start over.',
      { cause },
    );
  }
}

/** The origin at the start: a repository pinned to its commit. */
function reopened(
  origin: ModelOrigin | Exclude<StoredOrigin, { kind: 'files' }>,
  entry: Entry | undefined,
): ModelOrigin {
  if (entry?.origin.kind !== 'hub' || origin.kind !== 'hub') return origin;
  const { id, commit, endpoint } = entry.origin;
  return { kind: 'hub', id, revision: commit, endpoint };
}
