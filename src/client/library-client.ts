/** The library as the page sees it: the converter's worker, wrapped; and what only a page can do for it. */
import { proxy } from 'comlink';
import type { LibraryApi, StoredState } from '../protocol/library-api.ts';
import { NamedError } from '../shared/errors.ts';
import type { FolderFile } from '../shared/files.ts';
import { tarBlob } from '../shared/tar.ts';
import { connectWorker } from './worker-connection.ts';

/** A running library worker. */
export interface LibraryConnection {
  readonly api: LibraryApi;
  /** Resolves with the reason when the worker dies by itself. */
  readonly crashed: Promise<NamedError>;
  dispose(): void;
}

/** Starts the library's worker. */
export function startLibrary(): LibraryConnection {
  const worker = new Worker(new URL('../../workers/converter.worker.ts', import.meta.url), { type: 'module' });
  const { remote, crashed, orEnd, dispose } = connectWorker<LibraryApi>(worker, 'library');
  return {
    api: {
      list: () => orEnd(remote.list()),
      survey: (origin, backend) => orEnd(remote.survey(origin, backend)),
      tryMachine: (bytes) => orEnd(remote.tryMachine(bytes)),
      add: (origin, dtype, onProgress) => orEnd(remote.add(origin, dtype, proxy(onProgress))),
      resume: (key, files, onProgress) => orEnd(remote.resume(key, files, proxy(onProgress))),
      pause: () => orEnd(remote.pause()),
      remove: (key) => orEnd(remote.remove(key)),
      verify: (key, onProgress) => orEnd<StoredState>(remote.verify(key, proxy(onProgress))),
      files: (key) => orEnd(remote.files(key)),
      exportTo: (key, target, onProgress) => orEnd(remote.exportTo(key, target, proxy(onProgress))),
    },
    crashed,
    dispose,
  };
}

/** Asks the browser not to clear this site's files by itself; resolves to whether it promises that. */
export async function askToPersist(): Promise<boolean> {
  try {
    return await navigator.storage.persist();
  } catch {
    return false; // not over https: nothing can be stored there at all; the library reports that
  }
}

/** Calls `go` once when the browser finds a network again. Returns a function that cancels. */
export function whenOnline(go: () => void): () => void {
  const stop = new AbortController();
  addEventListener('online', () => go(), { once: true, signal: stop.signal });
  return () => stop.abort();
}

/** Folder pickers; not in every browser, and not in TypeScript's library. */
interface Pickers {
  showDirectoryPicker?: (options: { readonly mode: 'read' | 'readwrite' }) => Promise<FileSystemDirectoryHandle>;
}

/** Whether this browser lets a page write into a folder of the person's choice. */
export function canPickFolders(): boolean {
  const pickers = globalThis as typeof globalThis & Pickers;
  return pickers.showDirectoryPicker !== undefined;
}

/** Opens the folder picker; null when the person cancels it. Throws StorageError when the browser refuses. */
export async function pickFolder(mode: 'read' | 'readwrite'): Promise<FileSystemDirectoryHandle | null> {
  const pickers = globalThis as typeof globalThis & Pickers;
  try {
    return (await pickers.showDirectoryPicker?.({ mode })) ?? null;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') return null;
    throw new NamedError('StorageError', 'The browser refused that folder. Choose another one.', { cause: thrown });
  }
}

/** Deepest folder level that is listed; models need no more. */
const DEEPEST = 3;

/** All files below a folder, down to that level. Reads none of their bytes. */
export async function filesBelow(folder: FileSystemDirectoryHandle, prefix = ''): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind === 'file') files.push({ path: prefix + name, blob: await handle.getFile() });
    else if (!name.startsWith('.') && prefix.split('/').length <= DEEPEST)
      files.push(...(await filesBelow(handle, `${prefix}${name}/`)));
  }
  return files;
}

/** The files of `<input webkitdirectory>`, and the name of the folder that was picked. */
export function filesOfInput(list: FileList): { name: string; files: FolderFile[] } {
  const files = [...list].map((file) => {
    const [folder = '', ...path] = (file.webkitRelativePath || file.name).split('/');
    return { folder, path: path.length === 0 ? folder : path.join('/'), blob: file };
  });
  return { name: files[0]?.folder ?? 'folder', files: files.map(({ path, blob }) => ({ path, blob })) };
}

/** Downloads files as one .tar: its bytes are read from the disk while the browser writes them. */
export function downloadTar(name: string, files: readonly FolderFile[]): void {
  const url = URL.createObjectURL(tarBlob(name, files));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${name}.tar`;
  link.click();
  // The browser keeps reading after the click; keeping the URL for a minute gives the download time to start.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
