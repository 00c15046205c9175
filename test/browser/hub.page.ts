/** The page half of the hub client's browser test: reads from a hub on another origin. */
import { openHubFolder } from '../../src/io/hub/hub-folder.ts';
import { hashBlob } from '../../src/shared/sha256.ts';

Object.assign(globalThis, {
  /** Hashes of a file of a repository: of all of it, and of the bytes from `first` to `end`. */
  readHub: async (endpoint: string, id: string, path: string, first: number, end: number) => {
    try {
      const folder = await openHubFolder(id, { fetch, endpoint });
      const blob = await folder.blob(path);
      if (blob === undefined) return { error: 'no such file' };
      return { whole: await hashBlob(blob), part: await hashBlob(blob.slice(first, end)), files: await folder.list() };
    } catch (thrown) {
      return thrown instanceof Error ? { error: thrown.name, message: thrown.message } : { error: String(thrown) };
    }
  },
});
