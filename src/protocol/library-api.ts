/**
 * The library of models on this device, behind the converter's worker: what it holds, what another model would cost, and how it
 * gets there. The directory holds all state; every answer is read from there.
 */
import type { PromptSet } from '../shared/prompt-sets.ts';
import type { FolderFile } from '../shared/files.ts';
import type { BackendOption } from './engine-api.ts';

/** A model's origin. A checkpoint is converted, an already converted folder is copied. */
export type ModelOrigin =
  /** A repository of a hub. `revision`: a branch, a tag or a commit. `endpoint`: a mirror's address; the hub's own where absent. */
  | { readonly kind: 'hub'; readonly id: string; readonly revision?: string; readonly endpoint?: string }
  /** Given files, of a folder called `name`. */
  | { readonly kind: 'files'; readonly name: string; readonly files: readonly FolderFile[] }
  /** A converted folder behind an absolute address. */
  | { readonly kind: 'url'; readonly url: string };

/** The origin of a stored model, without the files. `commit`: the revision's commit when it was first read. */
export type StoredOrigin =
  | {
      readonly kind: 'hub';
      readonly id: string;
      readonly revision: string;
      readonly commit: string;
      readonly endpoint: string;
    }
  | { readonly kind: 'files'; readonly name: string }
  | { readonly kind: 'url'; readonly url: string };

/** The state of a model's directory. */
export type StoredState =
  /** Every file is there with its size. `verified`: when its hashes were last found right, ISO 8601; null: not since a file changed. */
  | { readonly kind: 'ready'; readonly verified: string | null }
  /** Not whole yet. Bytes read of the source, 0 of 0 while nothing can be said. */
  | { readonly kind: 'partial'; readonly done: number; readonly total: number }
  /** `why` is a sentence, with what to do. */
  | { readonly kind: 'damaged'; readonly why: string };

/** A model of the library. */
export interface StoredModel {
  /** Its directory's name. */
  readonly key: string;
  readonly name: string;
  readonly dtype: string;
  readonly origin: StoredOrigin;
  /** Bytes it takes now, and when it is whole. */
  readonly bytes: number;
  readonly totalBytes: number;
  readonly state: StoredState;
  /** `open`: an engine runs it or it is being read. `busy`: it is being written or deleted. In this tab or another. */
  readonly use: 'free' | 'open' | 'busy';
}

/** Free capacity of the browser's storage. Bytes; null where the browser does not report it. */
export interface StorageFacts {
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Whether `freeBytes` is as much as the browser ever reports: there may be more. */
  readonly mayBeMore: boolean;
  /** Whether the browser has promised not to clear it by itself. */
  readonly persisted: boolean;
}

/** The state of the library. */
export interface Library {
  readonly models: readonly StoredModel[];
  readonly storage: StorageFacts;
}

/** Certainty that something is possible: `no` forbids, `doubtful` warns, `yes` promises nothing but finds no obstacle. */
export type Verdict = 'yes' | 'doubtful' | 'no';

/** A judgement with its reason and, where it is not `yes`, what to do: whole sentences. */
export interface Finding {
  readonly verdict: Verdict;
  readonly text: string;
}

/** A model of one dtype, before it is made. */
export interface ModelChoice {
  readonly dtype: string;
  /** The key it has, or will have, in the library. */
  readonly key: string;
  /** Bytes that stay on disk. */
  readonly folderBytes: number;
  /** Bytes the graphics device must hold: weights, a cache for 4096 tokens, scratch. */
  readonly gpuBytes: number;
  /** Bytes to pass to {@link LibraryApi.tryMachine}; 0 where the answer is known without trying. */
  readonly trialBytes: number;
  /** The machine's verdict, as far as it is known without trying. */
  readonly machine: Finding;
  readonly storage: Finding;
}

/** Everything that can be said before the first weight is read. */
export interface ModelSurvey {
  readonly name: string;
  readonly origin: StoredOrigin;
  /** `checkpoint` will be converted, `modelFolder` copied. */
  readonly kind: 'checkpoint' | 'modelFolder';
  readonly parameters: number;
  /** Bytes that will be downloaded; 0 when everything is on this device. */
  readonly downloadBytes: number;
  /** Bytes that will be read. */
  readonly readBytes: number;
  /** The prompting: two rounds with a tool; the full image with VisionThink-General's prompts; an ordinary chat; or with its own prompts. */
  readonly prompts: PromptSet | 'own';
  /** The possible dtypes; one for a model folder. */
  readonly choices: readonly ModelChoice[];
  /** The dtype to propose. */
  readonly proposed: string;
  readonly storage: StorageFacts;
}

/** Progress of a job. */
export interface ModelProgress {
  /** `weights`: reads, packs and writes. `hashes`: reads the written files again. `copy`, `verify` and `export` are literal. */
  readonly phase: 'weights' | 'hashes' | 'copy' | 'verify' | 'export';
  /** Bytes, earlier runs included. */
  readonly done: number;
  readonly total: number;
  /** The current file or tensor. */
  readonly detail: string;
  /** Why it waits before it retries a failed request; a sentence. */
  readonly waiting?: string;
}

/** The library behind the worker. One of `add`, `resume`, `verify`, `exportTo` at a time: another one throws BusyError. */
export interface LibraryApi {
  list(): Promise<Library>;
  /** Looks at a model before it is added, to be run on `backend`, or on the best one. Throws HubError, CheckpointError, SafetensorsError, ModelFolderError. */
  survey(origin: ModelOrigin, backend: BackendOption | null): Promise<ModelSurvey>;
  /** Whether the graphics device holds `bytes` more right now: takes them and gives them back. */
  tryMachine(bytes: number): Promise<Finding>;
  /**
   * Makes the model, or resumes where it was stopped, and resolves to its key. Throws as `survey`, and StorageError, ResumeError,
   * BusyError when another tab has it, StoppedError after `pause`. After any error, finished work stays.
   */
  add(origin: ModelOrigin, dtype: string, onProgress: (progress: ModelProgress) => void): Promise<string>;
  /** Resumes a model that was started. `files`: those it is made from, where it came from this device. */
  resume(
    key: string,
    files: readonly FolderFile[] | null,
    onProgress: (progress: ModelProgress) => void,
  ): Promise<string>;
  /** Ends the work in progress; resolves when it has released the model. Finished work stays. */
  pause(): Promise<void>;
  /** Deletes a model, whole or not. Throws BusyError while it is open or being written elsewhere. */
  remove(key: string): Promise<void>;
  /** Reads every byte again. A model that was altered is `damaged` from then on. Throws BusyError, StoppedError. */
  verify(key: string, onProgress: (progress: ModelProgress) => void): Promise<StoredState>;
  /** The files of a whole model, the manifest first. Throws ModelFolderError when it is not whole. */
  files(key: string): Promise<readonly FolderFile[]>;
  /** Copies a whole model into a folder that was picked. Throws ModelFolderError, StorageError, StoppedError. */
  exportTo(
    key: string,
    target: FileSystemDirectoryHandle,
    onProgress: (progress: ModelProgress) => void,
  ): Promise<void>;
}
