/** The library's view of model storage: one directory per model, and locks shared between tabs. */
import type { StorageFacts } from '../protocol/library-api.ts';
import type { Folder } from '../shared/files.ts';

/** A folder whose files can be listed. */
export type ListedFolder = Folder & { list(): Promise<readonly string[]> };

/** A model's directory. */
export interface ModelDirectory {
  /** The library's own files about the model. */
  readonly notes: Folder;
  /** The model folder itself, complete or not. */
  readonly model: ListedFolder;
}

/** Stores models by key. */
export interface ModelStorage {
  keys(): Promise<readonly string[]>;
  /** A model's directory; undefined when it does not exist and `make` is false. */
  open(key: string, make: boolean): Promise<ModelDirectory | undefined>;
  /** Deletes a model's directory. Throws StorageError. */
  remove(key: string): Promise<void>;
  /** Runs `work` under a lock on the model: `exclusive` for writers, `shared` for readers. Throws BusyError when it is taken. */
  lock<T>(key: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T>;
  /** The locks held now, in any tab, by key. */
  locks(): Promise<ReadonlyMap<string, 'shared' | 'exclusive'>>;
  facts(): Promise<StorageFacts>;
}
