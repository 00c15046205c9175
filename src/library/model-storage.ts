/** Where models are stored, as the library sees it: a directory a model, and locks that hold between tabs. */
import type { StorageFacts } from '../protocol/library-api.ts';
import type { Folder } from '../shared/files.ts';

/** A folder whose files can be listed. */
export type ListedFolder = Folder & { list(): Promise<readonly string[]> };

/** A model's directory. */
export interface ModelDirectory {
  /** What the library notes about the model. */
  readonly notes: Folder;
  /** The model folder itself, whole or not. */
  readonly model: ListedFolder;
}

/** Holds models by key. */
export interface ModelStorage {
  keys(): Promise<readonly string[]>;
  /** A model's directory; undefined when there is none and none is to be made. */
  open(key: string, make: boolean): Promise<ModelDirectory | undefined>;
  /** Deletes a model's directory. Throws StorageError. */
  remove(key: string): Promise<void>;
  /** Works while nobody else has the model: `exclusive` for writers, `shared` for readers. Throws BusyError when somebody has. */
  lock<T>(key: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T>;
  /** Who has which model now, in any tab. */
  locks(): Promise<ReadonlyMap<string, 'shared' | 'exclusive'>>;
  facts(): Promise<StorageFacts>;
}
