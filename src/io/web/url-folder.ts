/** A model folder behind a URL. Files are fetched whole, with progress; the HTTP cache keeps them. */
import { NamedError } from '../../shared/errors.ts';
import type { FileSource } from '../../shared/files.ts';

/** Reports how many bytes of one file have arrived. */
export type FetchProgress = (path: string, loaded: number) => void;

/** The folder at `url` (absolute, or relative to `base`). */
export function urlFolder(url: string, base: string, onProgress: FetchProgress = () => undefined): FileSource {
  const root = new URL(url.endsWith('/') ? url : `${url}/`, base);
  return {
    name: root.pathname.split('/').filter(Boolean).at(-1) ?? root.href,
    async blob(path) {
      const address = new URL(path, root);
      let response: Response;
      try {
        response = await fetch(address);
      } catch (cause) {
        throw new NamedError(
          'ModelFolderError',
          `${address.href} could not be fetched. Check the connection, then retry.`,
          { cause },
        );
      }
      if (response.status === 404) return undefined;
      if (!response.ok) {
        throw new NamedError(
          'ModelFolderError',
          `${address.href} answered ${response.status} ${response.statusText}. Retry later.`,
        );
      }
      // A single-page host answers every path with its page: that means a missing file, too.
      if (response.headers.get('content-type')?.startsWith('text/html') === true) return undefined;
      return readBody(response, (loaded) => onProgress(path, loaded));
    },
  };
}

async function readBody(response: Response, onLoaded: (bytes: number) => void): Promise<Blob> {
  const reader = response.body?.getReader();
  if (reader === undefined) return response.blob();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  for (;;) {
    let piece;
    try {
      piece = await reader.read();
    } catch (cause) {
      throw new NamedError(
        'ModelFolderError',
        `${response.url} broke off after ${loaded} bytes. Check the connection, then retry.`,
        { cause },
      );
    }
    if (piece.done) return new Blob(chunks);
    chunks.push(piece.value);
    loaded += piece.value.length;
    onLoaded(loaded);
  }
}
