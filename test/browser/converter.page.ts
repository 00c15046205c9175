/** The page half of the converter's browser test: fetches a checkpoint's files and has the worker convert them. */
import { proxy, wrap } from 'comlink';
import { directoryFolder } from '../../src/io/web/directory-folder.ts';
import type { CheckpointFile, ConversionProgress, ConverterApi } from '../../src/protocol/converter-api.ts';
import { installErrorTransfer } from '../../src/protocol/thrown-errors.ts';

installErrorTransfer();
const converter = wrap<ConverterApi>(new Worker('worker.js'));

/** A checkpoint's files; `cut`: bytes to take off a file's end. */
function fetchFiles(name: string, paths: string[], cut: Record<string, number> = {}): Promise<CheckpointFile[]> {
  return Promise.all(
    paths.map(async (path) => {
      const blob = await (await fetch(`checkpoints/${name}/${path}`)).blob();
      return { path, blob: blob.slice(0, blob.size - (cut[path] ?? 0)) };
    }),
  );
}

/** SHA-256 of every file below a folder, by path. */
async function hashesOf(folder: FileSystemDirectoryHandle, prefix = ''): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for await (const [name, handle] of folder.entries()) {
    const path = prefix + name;
    if (handle instanceof FileSystemDirectoryHandle) Object.assign(hashes, await hashesOf(handle, `${path}/`));
    else if (handle instanceof FileSystemFileHandle) {
      const bytes = await (await handle.getFile()).arrayBuffer();
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
      hashes[path] = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    }
  }
  return hashes;
}

/** A new folder of the origin private file system. */
async function newFolder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(crypto.randomUUID(), { create: true });
}

Object.assign(globalThis, {
  /** Converts `paths` of a checkpoint into a new folder; `cut`: bytes to take off a file's end. */
  convert: async (name: string, paths: string[], dtype: 'fp32' | 'q8', cut: Record<string, number>) => {
    const files = await fetchFiles(name, paths, cut);
    const target = await newFolder();
    const progress: ConversionProgress[] = [];
    const onProgress = proxy((event: ConversionProgress) => void progress.push(event));
    try {
      const result = await converter.convert({ name: 'checkpoint', files }, target, { dtype }, onProgress);
      return { result, progress, hashes: await hashesOf(target) };
    } catch (thrown) {
      const { name: error, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
      return { error, message, hashes: await hashesOf(target) };
    }
  },
  /** Converts in workers that are each terminated after a number of events, then in one that may finish. */
  convertKilled: async (name: string, paths: string[], dtype: 'fp32' | 'q8', kills: number[]) => {
    const files = await fetchFiles(name, paths);
    const target = await newFolder();
    const seen: string[][] = [];
    for (const killAt of [...kills, Infinity]) {
      const worker = new Worker('worker.js');
      const tensors: string[] = [];
      await new Promise<void>((resolve, reject) => {
        let events = 0;
        const onProgress = proxy(({ phase, detail }: ConversionProgress) => {
          if (++events > killAt) return;
          if (phase === 'weights' && tensors.at(-1) !== detail) tensors.push(detail);
          if (events < killAt) return;
          worker.terminate();
          resolve();
        });
        const work = wrap<ConverterApi>(worker).convert({ name: 'checkpoint', files }, target, { dtype }, onProgress);
        work.then(() => resolve(), reject);
      });
      worker.terminate();
      seen.push(tensors);
    }
    return { seen, hashes: await hashesOf(target) };
  },
  /** Writes texts one after another into a new folder; `gone`: a folder that was deleted. */
  write: async (texts: [path: string, text: string][], gone: boolean) => {
    const target = await newFolder();
    const folder = directoryFolder(target);
    if (gone) await (await navigator.storage.getDirectory()).removeEntry(target.name);
    try {
      for (const [path, text] of texts) await folder.put(path, new TextEncoder().encode(text));
      return { hashes: await hashesOf(target) };
    } catch (thrown) {
      const { name: error, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
      return { error, message, hashes: {} };
    }
  },
});
