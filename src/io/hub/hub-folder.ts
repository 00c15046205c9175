/**
 * A repository of a hub (huggingface.co, or a mirror that speaks its protocol) as a folder to read. One request lists the
 * files of a revision; from then on everything is read at that commit, by Range, so nothing can change half-way.
 * Knows nothing about models, and about the platform only the `fetch` it is given.
 * Protocol: huggingface_hub `hf_api.model_info(files_metadata=True)`, `file_download.py`, `utils/_http.py`.
 */
import { NamedError } from '../../shared/errors.ts';
import type { FileSource } from '../../shared/files.ts';
import { DEFAULT_REVISION, HUB_ENDPOINT, isHubId } from '../../shared/hub-page.ts';
import { isObject, tryParseJson } from '../../shared/json.ts';
import { RangedBlob } from '../ranged-blob.ts';
import type { Asked } from './hub-errors.ts';
import type { HubOptions } from './hub-options.ts';
import { HubRequests } from './hub-requests.ts';

/** A file as the hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of a file in large-file storage, where weights always are. */
  readonly sha256: string | undefined;
  /** Git's object id, of every file: changes with its content. */
  readonly blobId: string;
}

/** A repository at one commit. */
export interface HubFolder extends FileSource {
  /** `owner/name`, as the hub spells it. */
  readonly id: string;
  /** The revision that was asked for. */
  readonly revision: string;
  /** Its commit when the folder was opened: 40 hexadecimal digits. */
  readonly commit: string;
  readonly endpoint: string;
  /** Whether its owner asks for a licence to be accepted. */
  readonly gated: boolean;
  readonly files: readonly HubFile[];
  list(): Promise<readonly string[]>;
  version(path: string): Promise<string | undefined>;
}

/**
 * Lists `owner/name` at a revision.
 * @throws HubError for an id or a revision that does not exist, a repository that is gated or private, no network, or a
 * server that is not a hub; the message says what to do
 */
export async function openHubFolder(id: string, options: HubOptions): Promise<HubFolder> {
  const endpoint = (options.endpoint ?? HUB_ENDPOINT).replace(/\/+$/, '');
  const revision = options.revision ?? DEFAULT_REVISION;
  const asked: Asked = { endpoint, id, revision, hasToken: options.token !== undefined };
  if (!isHubId(id))
    throw new NamedError('HubError', `"${id}" is not the id of a hub's model. Give its id: owner/name.`);
  const root = rootUrl(endpoint);
  const requests = new HubRequests(options);
  const text = await requests.text(
    new URL(`api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`, root),
    asked,
  );
  const listing = parseListing(tryParseJson(text), asked);
  const files = new Map(listing.files.map((file) => [file.path, file]));
  return {
    name: listing.id,
    id: listing.id,
    endpoint,
    revision,
    commit: listing.commit,
    gated: listing.gated,
    files: listing.files,
    list: async () => [...files.keys()],
    async blob(path) {
      const file = files.get(path);
      if (file === undefined) return undefined;
      const url = new URL(
        `${listing.id}/resolve/${listing.commit}/${path.split('/').map(encodeURIComponent).join('/')}`,
        root,
      );
      const { bytes } = file;
      return new RangedBlob(
        (first, end) => requests.read(url, { ...asked, path }, { size: bytes, first, end }),
        0,
        bytes,
      );
    },
    async version(path) {
      const file = files.get(path);
      return file?.sha256 ?? file?.blobId;
    },
    announcedSha256: async (path) => files.get(path)?.sha256,
  };
}

function rootUrl(endpoint: string): URL {
  if (/^https?:\/\/./.test(endpoint) && URL.canParse(endpoint)) return new URL(`${endpoint}/`);
  throw new NamedError('HubError', `The endpoint "${endpoint}" is not a valid URL. Give one like ${HUB_ENDPOINT}.`);
}

interface Listing {
  readonly id: string;
  readonly commit: string;
  readonly gated: boolean;
  readonly files: readonly HubFile[];
}

function parseListing(json: unknown, asked: Asked): Listing {
  if (
    !isObject(json) ||
    !Array.isArray(json['siblings']) ||
    typeof json['sha'] !== 'string' ||
    !/^[0-9a-f]{40}$/.test(json['sha'])
  ) {
    throw new NamedError('HubError', `${asked.endpoint} does not answer like a hub. Check the endpoint.`);
  }
  const { id, sha, siblings, gated } = json;
  return {
    id: typeof id === 'string' && isHubId(id) ? id : asked.id,
    commit: sha,
    gated: typeof gated === 'string' || gated === true,
    files: siblings.map((entry) => parseFile(entry, asked)),
  };
}

function parseFile(entry: unknown, { endpoint, id }: Asked): HubFile {
  const { rfilename: path, size, blobId, lfs } = isObject(entry) ? entry : {};
  if (typeof path !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw new NamedError('HubError', `${endpoint} lists a file of ${id} without a size. Use another endpoint.`);
  }
  const sha256 = isObject(lfs) ? lfs['sha256'] : undefined;
  return {
    path,
    bytes: size,
    sha256: typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : undefined,
    blobId: typeof blobId === 'string' ? blobId : '',
  };
}
