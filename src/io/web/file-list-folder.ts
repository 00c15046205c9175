/** Files that a person picked or dropped, as a folder to read. Blobs read lazily. */
import type { FileSource, FolderFile } from '../../shared/files.ts';

/** The folder called `name` that holds `files`. Of two files with one path the later counts. */
export function fileListFolder(name: string, files: readonly FolderFile[]): FileSource {
  const blobs = new Map(files.map(({ path, blob }) => [path, blob]));
  return {
    name,
    blob: async (path) => blobs.get(path),
    list: async () => [...blobs.keys()],
    async version(path) {
      const blob = blobs.get(path);
      return blob instanceof File ? `changed ${new Date(blob.lastModified).toISOString()}` : undefined;
    },
  };
}
