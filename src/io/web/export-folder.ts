/** Copies files into a folder that a person picked, in a subfolder of their own; each streams, however large it is. */
import { messageOf, NamedError } from '../../shared/errors.ts';
import type { FolderFile } from '../../shared/files.ts';

/** Bytes that are written at a time. */
const PIECE_BYTES = 1 << 24;

/** Writes `files` below `target/name`; the first of them, the manifest, comes last. Throws StorageError, StoppedError. */
export async function exportFolder(
  files: readonly FolderFile[],
  { target, name }: { readonly target: FileSystemDirectoryHandle; readonly name: string },
  signal: AbortSignal,
  onProgress: (done: number, total: number, path: string) => void,
): Promise<void> {
  const total = files.reduce((sum, { blob }) => sum + blob.size, 0);
  let done = 0;
  const [manifest, ...rest] = files;
  for (const { path, blob } of manifest === undefined ? [] : [...rest, manifest]) {
    try {
      let folder = await target.getDirectoryHandle(name, { create: true });
      const parts = path.split('/');
      const file = parts.pop() ?? '';
      for (const part of parts) folder = await folder.getDirectoryHandle(part, { create: true });
      const stream = await (await folder.getFileHandle(file, { create: true })).createWritable();
      for (let at = 0; at < blob.size; at += PIECE_BYTES) {
        if (signal.aborted) {
          await stream.abort();
          throw new NamedError('StoppedError', `Stopped. ${name} is not whole in that folder: delete it there.`);
        }
        await stream.write(await blob.slice(at, at + PIECE_BYTES).arrayBuffer());
        onProgress(done + Math.min(blob.size, at + PIECE_BYTES), total, path);
      }
      await stream.close();
    } catch (cause) {
      if (cause instanceof NamedError) throw cause;
      throw new NamedError(
        'StorageError',
        `${path} could not be written to ${target.name}: ${messageOf(cause)} Free some space there or choose another folder.`,
        { cause },
      );
    }
    done += blob.size;
  }
}
