/** Explains a hub's refusals and says what to do. Source: huggingface_hub `utils/_http.py`, `hf_raise_for_status`. */
import { NamedError } from '../../shared/errors.ts';
import { DEFAULT_REVISION } from '../../shared/hub-page.ts';

/** A request to the hub, for messages. */
export interface Asked {
  readonly endpoint: string;
  /** `owner/name`. */
  readonly id: string;
  /** The revision as the person typed it. */
  readonly revision: string;
  /** The file; undefined when the list of files was asked for. */
  readonly path?: string;
  /** Whether a token went with it. */
  readonly hasToken: boolean;
}

/** Whether a refusal may be temporary. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** The HubError for a permanent refusal. */
export function refusal(asked: Asked, status: number, headers: Headers): NamedError {
  const { endpoint, id, revision, path, hasToken } = asked;
  const code = headers.get('x-error-code') ?? '';
  if (code === 'GatedRepo' || status === 403 || (status === 401 && path !== undefined)) {
    return new NamedError(
      'HubError',
      `${id} is gated or private, and ${endpoint} refuses it (${status}). ${login(asked)}`,
    );
  }
  if (code === 'RevisionNotFound') {
    return new NamedError(
      'HubError',
      `${id} has no revision "${revision}". Give a branch, a tag or a commit that ${endpoint}/${id} lists.`,
    );
  }
  if (path !== undefined && status === 404) {
    return new NamedError(
      'HubError',
      `${id} lists ${path} at ${revision}, but ${endpoint} does not have it. Try again later.`,
    );
  }
  if (status === 401 || status === 404) {
    const perhaps = hasToken
      ? 'or the token may not see it'
      : 'or is private: then convert it on the command line, with HF_TOKEN set to a token that may read it';
    return new NamedError(
      'HubError',
      `${endpoint} has no model "${id}"${revision === DEFAULT_REVISION ? '' : ` with a revision "${revision}"`} (${status}). Check the ` +
        `spelling: it does not exist ${perhaps}.`,
    );
  }
  return new NamedError(
    'HubError',
    `${endpoint} answers ${status} to ${path ?? id}. Check the endpoint, or try again later.`,
  );
}

function login({ endpoint, id, hasToken }: Asked): string {
  return hasToken
    ? `The token of HF_TOKEN does not open it: accept its licence on ${endpoint}/${id} with the token's account, and see that the token may read gated repositories.`
    : `Accept its licence on ${endpoint}/${id}, make a token there (Settings, Access Tokens), and convert it on the ` +
        'command line with HF_TOKEN set to it: a page cannot send one. The resulting folder can be added to a page.';
}

/** The HubError after the last retry. `why`: the sentence about the last failure. */
export function gaveUp({ endpoint, path, id }: Asked, why: string, cause: unknown): NamedError {
  return new NamedError(
    'HubError',
    `${path ?? id} could not be read from ${endpoint}: ${why} Check the connection${cause === undefined ? '' : ' and the endpoint'}; what has arrived ` +
      'and was converted stays, so do the same again to resume.',
    { cause },
  );
}

/** The HubError for a file that differs from the listing. */
export function changed({ endpoint, path = '', id }: Asked, how: string): NamedError {
  return new NamedError(
    'HubError',
    `${path} of ${id} differs from what ${endpoint} listed: ${how}. Do the same again to list it anew; if the error remains, use another endpoint.`,
  );
}
