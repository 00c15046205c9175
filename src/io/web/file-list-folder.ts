/** Files that a person picked or dropped, as a folder to read. Nothing is read before it is asked for. */
import type { FileSource } from '../../shared/files.ts';

/** A blob with its place in the folder. */
export interface NamedBlob {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly blob: Blob;
}

/** The folder called `name` that holds `files`. Of two files with one path the later counts. */
export function fileListFolder(name: string, files: readonly NamedBlob[]): FileSource {
  const blobs = new Map(files.map(({ path, blob }) => [path, blob]));
  return { name, blob: async (path) => blobs.get(path) };
}
