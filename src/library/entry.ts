/** The library's record of a model, written at the start: enough to resume in another session. A file next to the model folder. */
import type { ModelOrigin, StoredOrigin } from '../protocol/library-api.ts';
import type { FileSource, Folder } from '../shared/files.ts';
import { isObject, type JsonObject, tryParseJson } from '../shared/json.ts';
import { hashBytes } from '../shared/sha256.ts';

/** Its name. */
const ENTRY_FILE = 'entry.json';

/** A model of the library, complete or not. */
export interface Entry {
  readonly name: string;
  readonly dtype: string;
  readonly origin: StoredOrigin;
  /** Bytes of the finished folder, computed in advance. */
  readonly folderBytes: number;
}

/** Writes an entry, replacing an existing one. */
export async function writeEntry(notes: Folder, entry: Entry): Promise<void> {
  const text = JSON.stringify({ format: 'visionthink-library-entry', version: 1, ...entry }, null, 1);
  await notes.put(ENTRY_FILE, new TextEncoder().encode(text));
}

/** The entry of a model; undefined when it is missing or unreadable. */
export async function readEntry(notes: FileSource): Promise<Entry | undefined> {
  const json = tryParseJson((await (await notes.blob(ENTRY_FILE))?.text()) ?? '');
  if (!isObject(json) || json['format'] !== 'visionthink-library-entry' || json['version'] !== 1) return undefined;
  const { name, dtype, folderBytes } = json;
  const origin = parseOrigin(json['origin']);
  if (typeof name !== 'string' || typeof dtype !== 'string' || typeof folderBytes !== 'number') return undefined;
  return origin === undefined ? undefined : { name, dtype, origin, folderBytes };
}

function parseOrigin(json: unknown): StoredOrigin | undefined {
  if (!isObject(json)) return undefined;
  const text = (key: string, from: JsonObject = json): string => String(from[key]);
  switch (json['kind']) {
    case 'hub':
      return {
        kind: 'hub',
        id: text('id'),
        revision: text('revision'),
        commit: text('commit'),
        endpoint: text('endpoint'),
      };
    case 'files':
      return { kind: 'files', name: text('name') };
    case 'url':
      return { kind: 'url', url: text('url') };
    default:
      return undefined;
  }
}

/**
 * The directory's name for a model: the same for the same origin and dtype in every tab and every session, legible, and safe
 * as a file name.
 */
export async function keyOf(origin: ModelOrigin, dtype: string): Promise<string> {
  const hash = await hashBytes(new TextEncoder().encode(JSON.stringify([identityOf(origin), dtype])));
  const words = shortName(origin)
    .replaceAll(/[^A-Za-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
  return `${words.slice(0, 48) || 'model'}-${dtype}-${hash.slice(0, 8)}`;
}

function identityOf(origin: ModelOrigin): unknown {
  switch (origin.kind) {
    case 'hub':
      return ['hub', origin.id.toLowerCase(), origin.revision ?? '', origin.endpoint ?? ''];
    case 'url':
      return ['url', origin.url];
    case 'files': {
      const bytes = origin.files.reduce((sum, { blob }) => sum + blob.size, 0);
      return ['files', origin.name, origin.files.length, bytes];
    }
  }
}

/** A short name of an origin. */
function shortName(origin: ModelOrigin): string {
  if (origin.kind === 'hub') return origin.id.split('/').at(-1) ?? origin.id;
  return origin.kind === 'files' ? origin.name : (origin.url.split('/').filter(Boolean).at(-1) ?? 'model');
}
