/** Parses addresses and ids of a hub's repositories: https://huggingface.co and mirrors with the same page layout. Pure. */

/** The hub itself. */
export const HUB_ENDPOINT = 'https://huggingface.co';

/** The revision that is meant when none is named. */
export const DEFAULT_REVISION = 'main';

/** What names a repository. */
export interface HubPage {
  /** `owner/name`; other text as it is, to be refused by name ({@link isHubId}). */
  readonly id: string;
  /** The revision whose page it is. */
  readonly revision?: string;
  /** The mirror whose page it is; absent for the hub itself and for an id alone. */
  readonly endpoint?: string;
}

/** Pages of a repository whose addresses continue with a revision. */
const PAGES_AT_REVISION = ['tree', 'blob', 'resolve', 'commit'];

const SCHEME = /^[a-z][a-z\d+.-]*:\/\//i;
const HOST = /^(?:localhost|[^/:]+\.[^/:]+)(?::\d+)?$/i;
const HUB = /^(?:www\.)?(?:huggingface\.co|hf\.co)$/i;
const THIS_DEVICE = /^(?:localhost|127(?:\.\d+){3})(?::\d+)?$/i;
const ID_PART = '[A-Za-z0-9](?:[\\w.-]*[A-Za-z0-9_])?';
const ID = new RegExp(`^${ID_PART}/${ID_PART}$`);

/** Whether a text is `owner/name` as the hub allows it. */
export function isHubId(text: string): boolean {
  return ID.test(text);
}

/**
 * Parses an absolute address and drops its final slash; null for other text. Prefixes a bare host with https, and this
 * device with http.
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

/** Parses an id or the address of a repository's page. */
export function parseHubPage(text: string): HubPage {
  const typed = text.trim().replace(/[?#].*$/, '');
  const parts = typed.replace(SCHEME, '').split('/').filter(Boolean);
  const isAddress = SCHEME.test(typed) || (parts.length > 2 && HOST.test(parts[0] ?? ''));
  const [owner, name, page = '', revision] = isAddress ? parts.slice(1) : parts;
  const endpoint = isAddress && name !== undefined ? mirrorOf(typed) : undefined;
  return {
    id: [owner, name].filter(Boolean).join('/') || text.trim(),
    ...(revision !== undefined && PAGES_AT_REVISION.includes(page) && { revision: revision.replaceAll(/%2f/gi, '/') }),
    ...(endpoint !== undefined && { endpoint }),
  };
}

/** The mirror whose page an address is; undefined for the hub itself. */
function mirrorOf(address: string): string | undefined {
  const page = addressOf(address);
  if (page === null) return undefined;
  const { origin, hostname } = new URL(page);
  return HUB.test(hostname) ? undefined : origin;
}
