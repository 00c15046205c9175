/** Parses the text a person typed or pasted to find a model. Pure. */
import type { ModelOrigin } from '../protocol/library-api.ts';
import { addressOf, DEFAULT_REVISION, parseHubPage } from '../shared/hub-page.ts';

/** The fields that find a model. */
export interface OriginForm {
  /** `owner/name`, or a page's address. */
  readonly id: string;
  readonly revision: string;
  readonly mirror: string;
  /** A converted folder's address. */
  readonly url: string;
}

/** The converted folder, given by its address or by its manifest's. Other text stays as it is, so that the refusal can quote it. */
export function urlOriginOf({ url }: Pick<OriginForm, 'url'>): Extract<ModelOrigin, { kind: 'url' }> {
  const address = addressOf(url);
  return { kind: 'url', url: address === null ? url.trim() : `${address.replace(/\/manifest\.json$/, '')}/` };
}

/** What to call a model before anything is known of it: whose it is, and where it lies unless on the hub itself. */
export function originLabel(origin: ModelOrigin): string {
  if (origin.kind === 'files') return origin.name;
  if (origin.kind === 'url') return origin.url;
  const { id, endpoint } = origin;
  return endpoint === undefined || !URL.canParse(endpoint) ? id : `${id} at ${new URL(endpoint).host}`;
}

/** The typed repository. A typed revision or mirror overrides the one in the address. null: the mirror is not a valid URL. */
export function hubOriginOf({
  id: text,
  revision: typed,
  mirror,
}: Omit<OriginForm, 'url'>): Extract<ModelOrigin, { kind: 'hub' }> | null {
  const page = parseHubPage(text);
  const { id, revision: pasted } = page;
  const endpoint = mirror.trim() === '' ? page.endpoint : addressOf(mirror);
  if (endpoint === null) return null;
  const revision = typed.trim() === '' ? pasted : typed.trim();
  return {
    kind: 'hub',
    id,
    ...(revision === undefined || revision === DEFAULT_REVISION ? {} : { revision }), // else it would be another model
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}
