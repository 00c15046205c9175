/** What a person typed or pasted to find a model, and the origin it stands for. Pure. */
import type { ModelOrigin } from '../protocol/library-api.ts';

/** The fields that find a model. */
export interface OriginForm {
  /** `owner/name`, or a page's address. */
  readonly id: string;
  readonly revision: string;
  readonly mirror: string;
  /** A converted folder's address. */
  readonly url: string;
}

/** The revision that is meant when none is named. */
const DEFAULT_REVISION = 'main';

/** Pages of a repository whose addresses go on with a revision. */
const PAGES_AT_REVISION = ['tree', 'blob', 'resolve', 'commit'];

const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
const HOST = /^(?:localhost|[^/:]+\.[^/:]+)(?::\d+)?$/i;
const THIS_DEVICE = /^(?:localhost|127(?:\.\d+){3})(?::\d+)?$/i;

/**
 * The absolute address in a text, without a slash at its end; null when it is none. Before a bare host goes https, before this
 * device http.
 */
export function addressOf(text: string): string | null {
  const typed = text.trim();
  const [host = ''] = typed.split(/[/?#]/, 1);
  if (!SCHEME.test(typed) && !HOST.test(host)) return null;
  const scheme = THIS_DEVICE.test(host) ? 'http' : 'https';
  const address = SCHEME.test(typed) ? typed : `${scheme}://${typed}`;
  if (!URL.canParse(address)) return null;
  const { protocol, username, origin, pathname } = new URL(address);
  if (!/^https?:$/.test(protocol) || username !== '') return null;
  return `${origin}${pathname}`.replace(/\/+$/, '');
}

/** The converted folder that is meant: by its address, or by that of its manifest. Other text stays as it is, to be refused by name. */
export function urlOriginOf({ url }: Pick<OriginForm, 'url'>): Extract<ModelOrigin, { kind: 'url' }> {
  const address = addressOf(url);
  return { kind: 'url', url: address === null ? url.trim() : `${address.replace(/\/manifest\.json$/, '')}/` };
}

/** The repository that is meant. A revision that was typed counts before one in the address. null: the mirror is no address. */
export function hubOriginOf({
  id: text,
  revision: typed,
  mirror,
}: Omit<OriginForm, 'url'>): Extract<ModelOrigin, { kind: 'hub' }> | null {
  const endpoint = mirror.trim() === '' ? undefined : addressOf(mirror);
  if (endpoint === null) return null;
  const { id, revision: pasted } = parseHubPage(text);
  const revision = typed.trim() === '' ? pasted : typed.trim();
  return {
    kind: 'hub',
    id,
    ...(revision === undefined || revision === DEFAULT_REVISION ? {} : { revision }), // else it would be another model
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** `owner/name`, and the revision a page's address names. What is no id stays as it is, to be refused by name. */
function parseHubPage(text: string): { readonly id: string; readonly revision: string | undefined } {
  const typed = text.trim().replace(/[?#].*$/, '');
  const parts = typed.replace(SCHEME, '').split('/').filter(Boolean);
  const isAddress = SCHEME.test(typed) || (parts.length > 2 && HOST.test(parts[0] ?? ''));
  const [owner, name, page = '', revision] = isAddress ? parts.slice(1) : parts;
  return {
    id: [owner, name].filter(Boolean).join('/') || text.trim(),
    revision: PAGES_AT_REVISION.includes(page) ? revision?.replaceAll(/%2f/gi, '/') : undefined,
  };
}
