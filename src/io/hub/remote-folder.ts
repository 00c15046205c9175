/** A folder behind a URL, read by Range: downloads only the parts that are read. Retries bad connections. */
import { NamedError } from '../../shared/errors.ts';
import type { FileSource } from '../../shared/files.ts';
import { RangedBlob } from '../ranged-blob.ts';
import type { HubOptions } from './hub-options.ts';
import { HubRequests } from './hub-requests.ts';

/** The folder at `url`, an absolute address. Throws ModelFolderError for an invalid one. */
export function remoteFolder(url: string, options: Omit<HubOptions, 'endpoint' | 'revision' | 'token'>): FileSource {
  if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) {
    throw new NamedError(
      'ModelFolderError',
      `"${url}" is not a valid URL. Give one like https://example.org/models/name/.`,
    );
  }
  const root = new URL(url.endsWith('/') ? url : `${url}/`);
  const requests = new HubRequests(options);
  const asked = { endpoint: root.origin, id: root.href, revision: 'now', hasToken: false };
  return {
    name: root.pathname.split('/').filter(Boolean).at(-1) ?? root.hostname,
    async blob(path) {
      const address = new URL(path, root);
      const size = await requests.size(address, { ...asked, path });
      if (size === undefined) return undefined;
      return new RangedBlob((first, end) => requests.read(address, { ...asked, path }, { size, first, end }), 0, size);
    },
  };
}
