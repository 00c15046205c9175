/** What a person typed or pasted to find a model, and the origin it stands for. Pure. */
import type { ModelOrigin } from '../protocol/library-api.ts';
import { addressOf, parseHubPage } from '../shared/hub-page.ts';

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

/** The converted folder that is meant: by its address, or by that of its manifest. Other text stays as it is, to be refused by name. */
export function urlOriginOf({ url }: Pick<OriginForm, 'url'>): Extract<ModelOrigin, { kind: 'url' }> {
  const address = addressOf(url);
  return { kind: 'url', url: address === null ? url.trim() : `${address.replace(/\/manifest\.json$/, '')}/` };
}

/** The repository that is meant. What was typed as revision or mirror counts before what the address says. null: the mirror is no address. */
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
