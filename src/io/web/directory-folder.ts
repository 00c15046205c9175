/**
 * A folder of the browser's origin private file system, to read and to write, in a dedicated worker: only there can a file be
 * written at any place and flushed. A file that is open for writing is locked against other tabs.
 */
import { messageOf, NamedError } from '../../shared/errors.ts';
import type { Folder, RandomAccessFile } from '../../shared/files.ts';
import { pause } from '../../shared/pause.ts';
import { freeStorage } from './free-storage.ts';

/** Methods of a dedicated worker's file handles, which a page's lack. */
interface SyncHandleFile {
  createSyncAccessHandle(options?: { mode: 'read-only' }): Promise<SyncHandle>;
}
interface SyncHandle {
  getSize(): number;
  read(bytes: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(bytes: number): void;
  flush(): void;
  close(): void;
}

/** The browsers' name for the failure to open a file that is open elsewhere. */
const LOCKED = 'NoModificationAllowedError';

/**
 * How long to wait for a file or a lock that another worker holds: that worker may have just been ended, and Chromium gives a
 * computing worker two seconds before it stops it. A worker that holds it for longer is still in use. Milliseconds.
 */
export const ENDED_WORKER_MS = 5000;

/** A file read in place: many times faster than its Blob, whose bytes come through another process. */
export interface OpenFile {
  /** Fills `bytes` from `offset` on. Throws StorageError when the file ends before. */
  read(bytes: Uint8Array, offset: number): void;
  close(): void;
}

/** A folder of the origin private file system. */
export interface DirectoryFolder extends Folder {
  list(): Promise<readonly string[]>;
  /**
   * Opens a file to read it in place; undefined where this thread or browser cannot, or the file is open elsewhere. Close it soon:
   * a browser that knows no shared reading keeps others out meanwhile.
   */
  openFile(path: string): Promise<OpenFile | undefined>;
}

/** The folder `root`, called `name` in messages. */
export function directoryFolder(root: FileSystemDirectoryHandle, name = root.name): DirectoryFolder {
  return {
    name,
    async blob(path) {
      const handle = await existing(root, path);
      return handle?.getFile();
    },
    list: () => listBelow(root, ''),
    async openFile(path) {
      const handle: (FileSystemFileHandle & Partial<SyncHandleFile>) | undefined = await existing(root, path);
      try {
        const open = await handle?.createSyncAccessHandle?.({ mode: 'read-only' });
        return open === undefined ? undefined : readable(path, open);
      } catch {
        return undefined; // its Blob can still be read
      }
    },
    async version(path) {
      const file = await (await existing(root, path))?.getFile();
      return file === undefined ? undefined : `changed ${new Date(file.lastModified).toISOString()}`;
    },
    put: (path, bytes) =>
      orStorageError(path, async () => {
        // The content is put in place when the stream is closed.
        const stream = await (await made(root, path)).createWritable();
        await stream.write(unshared(bytes));
        await stream.close();
      }),
    open: (path) =>
      orStorageError(path, async () => {
        return randomAccess(path, await lock(await made(root, path)));
      }),
    remove: (path) =>
      orStorageError(path, async () => {
        if ((await existing(root, path)) === undefined) return;
        const folders = path.split('/');
        const file = folders.pop() ?? '';
        let folder = root;
        for (const part of folders) folder = await folder.getDirectoryHandle(part);
        await folder.removeEntry(file);
      }),
    async freeBytes() {
      const { freeBytes, mayBeMore } = await freeStorage();
      return freeBytes === null || mayBeMore ? undefined : freeBytes;
    },
  };
}

/** Opens a file for writing. */
async function lock(handle: FileSystemFileHandle & Partial<SyncHandleFile>): Promise<SyncHandle> {
  if (handle.createSyncAccessHandle === undefined) throw new Error('this is not a dedicated worker.');
  for (const started = performance.now(); ;) {
    try {
      return await handle.createSyncAccessHandle();
    } catch (thrown) {
      const isLocked = thrown instanceof Error && thrown.name === LOCKED;
      if (!isLocked || performance.now() - started > ENDED_WORKER_MS) throw thrown;
    }
    await pause(50);
  }
}

function readable(path: string, handle: SyncHandle): OpenFile {
  return {
    read(bytes, offset) {
      for (let at = 0; at < bytes.length;) {
        const count = handle.read(bytes.subarray(at), { at: offset + at });
        if (count === 0) {
          throw new NamedError(
            'StorageError',
            `${path} ends at byte ${offset + at}, before byte ${offset + bytes.length} that is needed. Delete the model and add it again.`,
          );
        }
        at += count;
      }
    },
    close: () => handle.close(),
  };
}

function randomAccess(path: string, handle: SyncHandle): RandomAccessFile {
  const guarded = <T>(work: () => T): Promise<T> => orStorageError(path, async () => work());
  return {
    size: () => guarded(() => handle.getSize()),
    write: (bytes, offset) =>
      guarded(() => {
        for (let at = 0; at < bytes.length;) {
          const written = handle.write(bytes.subarray(at), { at: offset + at });
          if (written === 0) throw new DOMException('no more bytes were taken', 'QuotaExceededError');
          at += written;
        }
      }),
    truncate: (bytes) =>
      guarded(() => {
        handle.truncate(bytes);
        // Where files live in memory, as in private windows, a file that may not grow silently keeps its size.
        if (handle.getSize() !== bytes) throw new DOMException('the file did not grow', 'QuotaExceededError');
      }),
    flush: () => guarded(() => handle.flush()),
    close: async () => handle.close(),
  };
}

/** The file at a path, made with its folders where it is missing. */
async function made(root: FileSystemDirectoryHandle, path: string): Promise<FileSystemFileHandle> {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  let folder = root;
  for (const part of folders) folder = await folder.getDirectoryHandle(part, { create: true });
  return folder.getFileHandle(file, { create: true });
}

/** The file at a path, or undefined when there is none. */
async function existing(root: FileSystemDirectoryHandle, path: string): Promise<FileSystemFileHandle | undefined> {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  try {
    let folder = root;
    for (const part of folders) folder = await folder.getDirectoryHandle(part);
    return await folder.getFileHandle(file);
  } catch (thrown) {
    if (thrown instanceof DOMException && (thrown.name === 'NotFoundError' || thrown.name === 'TypeMismatchError'))
      return undefined;
    throw thrown;
  }
}

async function listBelow(folder: FileSystemDirectoryHandle, prefix: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === 'file') paths.push(prefix + name);
    else paths.push(...(await listBelow(handle, `${prefix}${name}/`)));
  }
  return paths;
}

async function orStorageError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const isFull = cause instanceof Error && cause.name === 'QuotaExceededError';
    const isLocked = cause instanceof Error && cause.name === LOCKED;
    throw new NamedError(
      'StorageError',
      isFull
        ? `The browser gives this site no more storage: ${path} could not be written. What is there stays: delete other models or free disk space, then resume.`
        : isLocked
          ? `${path} is being written in another tab. Close that tab, or let it finish.`
          : `${path} could not be written: ${messageOf(cause)} Free some disk space, then try again.`,
      { cause },
    );
  }
}

/** The same bytes in unshared memory: streams accept no other. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(bytes);
}
