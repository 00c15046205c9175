/** Folders on disk as file sources and sinks. Blobs are backed by the file: nothing is read before it is asked for. */
import { mkdir, open } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { FileSink, FileSource, FileWriter } from '../../shared/files.ts';
import { openFileBlob } from './file-blob.ts';

/** A folder on disk, for reading. */
export function nodeFolder(directory: string): FileSource {
  const root = resolve(directory);
  return {
    name: basename(root),
    blob: (path) => openFileBlob(join(root, path)),
  };
}

/** A folder on disk, for writing; made when the first file is. */
export function nodeSink(directory: string): FileSink {
  return {
    async create(path): Promise<FileWriter> {
      const file = join(directory, path);
      await mkdir(dirname(file), { recursive: true });
      const handle = await open(file, 'w');
      return {
        write: async (bytes) => {
          for (let at = 0; at < bytes.length;) at += (await handle.write(bytes, at)).bytesWritten;
        },
        close: () => handle.close(),
      };
    },
  };
}
