/**
 * A folder of the browser, for writing: the origin private file system or a folder the user picked. A file's content is
 * put in place when it is closed: until then it is what it was before, empty if it is new, and never half.
 */
import { messageOf, NamedError } from '../../shared/errors.ts';
import type { FileSink, FileWriter } from '../../shared/files.ts';

/** Writes below `root`, making subfolders as they are needed. Failures are ModelFolderErrors that name the file. */
export function directorySink(root: FileSystemDirectoryHandle): FileSink {
  return {
    async create(path): Promise<FileWriter> {
      const stream = await orWriteError(path, openStream(root, path));
      return {
        write: (bytes) => orWriteError(path, stream.write(unshared(bytes))),
        close: () => orWriteError(path, stream.close()),
      };
    },
  };
}

async function openStream(root: FileSystemDirectoryHandle, path: string): Promise<FileSystemWritableFileStream> {
  const folders = path.split('/');
  const file = folders.pop() ?? '';
  let folder = root;
  for (const name of folders) folder = await folder.getDirectoryHandle(name, { create: true });
  const handle = await folder.getFileHandle(file, { create: true });
  return handle.createWritable(); // empty: what the file held before goes
}

async function orWriteError<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new NamedError(
      'ModelFolderError',
      `${path} could not be written: ${messageOf(cause)} Free some disk space, allow writing to the folder, then convert again.`,
      { cause },
    );
  }
}

/** The same bytes, in memory that no other thread shares: streams take no other. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = bytes;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, length) : new Uint8Array(bytes);
}
