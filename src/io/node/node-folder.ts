/** A folder on disk, to read and to write. Blobs read lazily. */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, NamedError } from '../../shared/errors.ts';
import type { Folder, RandomAccessFile } from '../../shared/files.ts';
import { openFileBlob } from './file-blob.ts';

/** Deepest level that is listed: no checkpoint and no model folder goes deeper. */
const LISTED_DEPTH = 2;

/** The folder at a path. Made when the first file is written. */
export function nodeFolder(directory: string): Folder & { list(): Promise<readonly string[]> } {
  const root = resolve(directory);
  /** Opens a file for writing, and its folder. */
  const openAt = async (path: string): Promise<FileHandle> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    // 'r+' keeps what is there, 'a' only makes the file.
    await (await open(join(root, path), 'a')).close();
    return open(join(root, path), 'r+');
  };
  return {
    name: basename(root),
    blob: (path) => openFileBlob(join(root, path)),
    list: () => listBelow(root, '', LISTED_DEPTH),
    async version(path) {
      const found = await stat(join(root, path)).catch(() => undefined);
      return found === undefined ? undefined : `changed ${found.mtime.toISOString()}`;
    },
    put: (path, bytes) =>
      orStorageError(path, root, async () => {
        const target = join(root, path);
        await mkdir(dirname(target), { recursive: true });
        const file = await open(`${target}.new`, 'w');
        try {
          await writeAll(file, bytes, 0);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(`${target}.new`, target);
      }),
    open: (path) => orStorageError(path, root, async () => randomAccess(path, root, await openAt(path))),
    remove: (path) => orStorageError(path, root, () => rm(join(root, path), { force: true })),
    async freeBytes() {
      await orStorageError('', root, () => mkdir(root, { recursive: true }));
      const { bavail, bsize } = await statfs(root);
      return bavail * bsize;
    },
  };
}

async function listBelow(root: string, prefix: string, depth: number): Promise<string[]> {
  const paths: string[] = [];
  for (const entry of await readdir(join(root, prefix), { withFileTypes: true })) {
    if (entry.isFile()) paths.push(prefix + entry.name);
    else if (entry.isDirectory() && depth > 0)
      paths.push(...(await listBelow(root, `${prefix}${entry.name}/`, depth - 1)));
  }
  return paths;
}

function randomAccess(path: string, root: string, file: FileHandle): RandomAccessFile {
  const guarded = <T>(work: () => Promise<T>): Promise<T> => orStorageError(path, root, work);
  return {
    size: () => guarded(async () => (await file.stat()).size),
    write: (bytes, offset) => guarded(() => writeAll(file, bytes, offset)),
    truncate: (bytes) => guarded(() => file.truncate(bytes)),
    flush: () => guarded(() => file.datasync()),
    close: () => file.close(),
  };
}

async function writeAll(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}

async function orStorageError<T>(path: string, root: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    throw new NamedError(
      'StorageError',
      isFull
        ? `The disk of ${root} is full. What is there stays: free some space, then do the same again to resume.`
        : `${join(root, path)} could not be written: ${messageOf(cause)}. Check the path and its permissions, then do the same again.`,
      { cause },
    );
  }
}
