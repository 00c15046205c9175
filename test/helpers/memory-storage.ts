/** Models kept in memory, with the locks of one tab. */
import type { ModelDirectory, ModelStorage } from '../../src/library/model-storage.ts';
import type { StorageFacts } from '../../src/protocol/library-api.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { MemoryFolder } from './memory-folder.ts';

/** A model's directory in memory. */
export interface MemoryDirectory extends ModelDirectory {
  readonly notes: MemoryFolder;
  readonly model: MemoryFolder;
}

/** A storage in memory. */
export class MemoryStorage implements ModelStorage {
  readonly directories = new Map<string, MemoryDirectory>();
  readonly held = new Map<string, 'shared' | 'exclusive'>();
  freeBytes: number | null = 1e9;

  async keys(): Promise<readonly string[]> {
    return [...this.directories.keys()];
  }

  async open(key: string, make: boolean): Promise<MemoryDirectory | undefined> {
    const known = this.directories.get(key);
    if (known !== undefined || !make) return known;
    const made = { notes: new MemoryFolder(key), model: new MemoryFolder(key) };
    this.directories.set(key, made);
    return made;
  }

  async remove(key: string): Promise<void> {
    this.directories.delete(key);
  }

  async lock<T>(key: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T> {
    const held = this.held.get(key);
    if (held !== undefined && (held === 'exclusive' || mode === 'exclusive'))
      throw new NamedError('BusyError', `${key} is ${held}`);
    this.held.set(key, mode);
    try {
      return await work();
    } finally {
      this.held.delete(key);
    }
  }

  async locks(): Promise<ReadonlyMap<string, 'shared' | 'exclusive'>> {
    return new Map(this.held);
  }

  async facts(): Promise<StorageFacts> {
    return { usedBytes: 0, freeBytes: this.freeBytes, mayBeMore: false, persisted: false };
  }
}
