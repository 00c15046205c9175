/**
 * Models in the browser's origin private file system: `models/KEY/model/` is a model folder, `models/KEY/` holds notes about
 * it. Web Locks keep tabs from each other's models; a lock ends with the tab or worker that holds it, even when that crashes.
 */
import { messageOf, NamedError } from '../../shared/errors.ts';
import type { Folder } from '../../shared/files.ts';
import { type DirectoryFolder, directoryFolder, ENDED_WORKER_MS } from './directory-folder.ts';
import { type FreeStorage, freeStorage } from './free-storage.ts';

const LOCK_PREFIX = 'visionthink-model ';

/** The storage of this origin. */
export const storedModels = {
  async keys(): Promise<readonly string[]> {
    const root = await modelsFolder();
    const keys: string[] = [];
    for await (const [name, handle] of root.entries()) if (handle.kind === 'directory') keys.push(name);
    return keys;
  },

  async open(key: string, make: boolean): Promise<{ notes: Folder; model: DirectoryFolder } | undefined> {
    try {
      const root = await (await modelsFolder()).getDirectoryHandle(key, { create: make });
      const model = await root.getDirectoryHandle('model', { create: make });
      return { notes: directoryFolder(root, key), model: directoryFolder(model, key) };
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'NotFoundError') return undefined;
      throw unusable(thrown);
    }
  },

  async remove(key: string): Promise<void> {
    try {
      await (await modelsFolder()).removeEntry(key, { recursive: true });
    } catch (thrown) {
      if (thrown instanceof DOMException && thrown.name === 'NotFoundError') return;
      throw new NamedError(
        'StorageError',
        `${key} could not be deleted: ${messageOf(thrown)} Close other tabs of this page, then try again.`,
        { cause: thrown },
      );
    }
  },

  async lock<T>(key: string, mode: 'shared' | 'exclusive', work: () => Promise<T>): Promise<T> {
    let isGranted = false;
    try {
      return await navigator.locks.request(
        LOCK_PREFIX + key,
        { mode, signal: AbortSignal.timeout(ENDED_WORKER_MS) },
        async () => {
          isGranted = true;
          return await work();
        },
      );
    } catch (thrown) {
      if (isGranted || !(thrown instanceof DOMException)) throw thrown;
      throw new NamedError('BusyError', busy(mode, (await storedModels.locks()).get(key)), { cause: thrown });
    }
  },

  async locks(): Promise<ReadonlyMap<string, 'shared' | 'exclusive'>> {
    const { held = [] } = await navigator.locks.query();
    const locks = new Map<string, 'shared' | 'exclusive'>();
    for (const { name, mode } of held) {
      if (name?.startsWith(LOCK_PREFIX) && mode !== undefined) locks.set(name.slice(LOCK_PREFIX.length), mode);
    }
    return locks;
  },

  async facts(): Promise<FreeStorage & { persisted: boolean }> {
    return { ...(await freeStorage()), persisted: await navigator.storage.persisted() };
  },
};

async function modelsFolder(): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle('models', { create: true });
  } catch (thrown) {
    throw unusable(thrown);
  }
}

function unusable(cause: unknown): NamedError {
  return new NamedError(
    'StorageError',
    `This browser keeps no files for this page (${messageOf(cause)}). Use a normal window instead of a private one, over https or localhost.`,
    { cause },
  );
}

function busy(requested: 'shared' | 'exclusive', held: 'shared' | 'exclusive' | undefined): string {
  if (held === 'shared' && requested === 'exclusive') {
    return 'This model is in use, here or in another tab. Choose another model there, or close that tab, then try again.';
  }
  return 'This model is being converted, checked or deleted in another tab. Let it finish there, or close that tab, then try again.';
}
