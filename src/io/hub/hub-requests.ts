/**
 * Requests to a hub that survive bad connections: they retry temporary failures with growing waits, and a body that was cut
 * off resumes at the byte where it stopped. Requests carry no header but `Range` and the token, so browsers send them across origins without a
 * preflight. `fetch` itself drops the token when it is redirected to another origin.
 */
import { messageOf, NamedError } from '../../shared/errors.ts';
import { pause } from '../../shared/pause.ts';
import { type Asked, changed, gaveUp, isPassing, refusal } from './hub-errors.ts';
import type { HubOptions, Patience } from './hub-options.ts';

const PATIENCE: Patience = { stallMs: 30_000, firstWaitMs: 500, longestWaitMs: 30_000, attempts: 8 };

/** Gives up on a server that asks for a longer pause than this. Milliseconds. */
const LONGEST_PAUSE_MS = 300_000;

/** From a server that ignores Range, reads whole files up to this size. Bytes. */
const SMALL_BYTES = 1 << 24;

/** A temporary failure. `pauseMs`: the wait that the server asks for. */
class PassingFailure extends Error {
  readonly pauseMs: number;

  constructor(message: string, pauseMs = 0, cause?: unknown) {
    super(message, { cause });
    this.pauseMs = pauseMs;
  }
}

/** Bytes `[first, end)` of a file of `size` bytes. */
export interface FilePart {
  readonly size: number;
  readonly first: number;
  readonly end: number;
}

/** Sends requests as HubOptions say. */
export class HubRequests {
  readonly #options: HubOptions;
  readonly #patience: Patience;
  /** ETag by file and the origin that gave it: another origin may have its own for the same bytes. */
  readonly #etags = new Map<string, string>();

  constructor(options: HubOptions) {
    this.#options = options;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** The text behind a URL. Gives up sooner than `read`: no work would be lost. Throws HubError, StoppedError. */
  async text(url: URL, asked: Asked): Promise<string> {
    const attempts = Math.min(4, this.#patience.attempts);
    return this.#patiently(asked, attempts, async (attempt) => {
      const response = await attempt.fetch(url);
      if (!response.ok) throw refused(asked, response);
      return attempt.within(response.text());
    });
  }

  /**
   * Bytes of the file behind a URL; undefined when there is none. A server that answers every path with a page counts as having none.
   * Throws HubError, StoppedError.
   */
  async size(url: URL, asked: Asked): Promise<number | undefined> {
    return this.#patiently(asked, Math.min(4, this.#patience.attempts), async (attempt) => {
      const response = await attempt.fetch(url);
      if (response.status === 404) return undefined;
      if (!response.ok) throw refused(asked, response);
      if (response.headers.get('content-type')?.startsWith('text/html') === true) return undefined;
      const length = response.headers.get('content-length');
      // The length of a compressed body is not the file's.
      if (length !== null && response.headers.get('content-encoding') === null) return Number(length);
      return (await attempt.within(response.blob())).size;
    });
  }

  /**
   * Bytes `[first, end)` of the file of `size` bytes behind a URL.
   * @throws HubError when it cannot be read or is not the file that was listed; StoppedError
   */
  async read(url: URL, asked: Asked, { size, first, end }: FilePart): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(end - first);
    let filled = 0;
    while (filled < bytes.length) {
      const before = filled;
      const attempts = this.#patience.attempts;
      // A retry that brings bytes resets the count of attempts.
      await this.#patiently(asked, attempts, async (attempt, failures) => {
        if (failures > 0 && filled > before) return;
        const range = { Range: `bytes=${first + filled}-${end - 1}` };
        const response = await attempt.fetch(url, size === bytes.length && filled === 0 ? {} : range);
        const skipped = this.#checkPart(response, asked, size, first + filled);
        // A server that sends the whole file is read only up to the end of the requested part.
        const limit = response.status === 200 && bytes.length < size ? skipped + bytes.length - filled : Infinity;
        await attempt.eachPiece(response, limit, (piece, offset) => {
          const needed = piece.subarray(Math.max(0, Math.min(piece.length, skipped - offset)));
          if (needed.length > bytes.length - filled) throw tooLong(response, asked, size);
          bytes.set(needed, filled);
          filled += needed.length;
          this.#options.onBytes?.(piece.length);
        });
        if (filled < bytes.length)
          throw new PassingFailure(`the connection ended at byte ${first + filled} of ${size}.`);
      });
    }
    return bytes;
  }

  /** Checks that an answer brings the part asked for. Returns bytes to skip at its start. */
  #checkPart(response: Response, asked: Asked, size: number, first: number): number {
    const { status, headers } = response;
    if (status === 416) throw changed(asked, `it is shorter than the ${size} bytes listed`);
    if (!response.ok) throw refused(asked, response);
    const [, start, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (total !== undefined && Number(total) !== size) throw changed(asked, `it has ${total} bytes, not ${size}`);
    if (status === 206 && start !== undefined && Number(start) !== first) {
      throw new PassingFailure(`byte ${start} came where byte ${first} was asked for.`);
    }
    // A server that compresses marks the ETag of the same file.
    const etag = headers.get('etag')?.replace(/^W\/|-gzip(?="$)/g, '') ?? null;
    const key = `${asked.path ?? ''} ${new URL(response.url).origin}`;
    const known = this.#etags.get(key);
    if (etag !== null && known !== undefined && known !== etag)
      throw changed(asked, `its ETag was ${known}, now it is ${etag}`);
    if (etag !== null) this.#etags.set(key, etag);
    if (status === 206 || first === 0) return 0;
    if (size <= SMALL_BYTES) return first;
    throw new NamedError(
      'HubError',
      `${new URL(response.url).origin} sends whole files only (no Range), and ${asked.path} has ${size} bytes. Use another endpoint.`,
    );
  }

  /** Retries `work` until it succeeds, fails permanently, or fails too many times in a row. */
  async #patiently<T>(
    asked: Asked,
    attempts: number,
    work: (attempt: Attempt, failures: number) => Promise<T>,
  ): Promise<T> {
    for (let failures = 0; ; failures++) {
      const attempt = new Attempt(this.#options, this.#patience.stallMs, asked.endpoint);
      try {
        return await work(attempt, failures);
      } catch (thrown) {
        if (this.#options.signal?.aborted === true) throw new NamedError('StoppedError', 'The download was stopped.');
        if (!(thrown instanceof PassingFailure)) throw thrown;
        if (failures + 1 >= attempts || thrown.pauseMs > LONGEST_PAUSE_MS)
          throw gaveUp(asked, thrown.message, thrown.cause);
        await this.#wait(thrown, failures);
      } finally {
        attempt.end();
      }
    }
  }

  async #wait({ message: why, pauseMs }: PassingFailure, failures: number): Promise<void> {
    const { firstWaitMs, longestWaitMs } = this.#patience;
    const doubled = Math.min(longestWaitMs, firstWaitMs * 2 ** failures);
    // The random part keeps the requests that failed together from coming back together.
    const waitMs = Math.max(pauseMs, doubled) + Math.random() * doubled;
    this.#options.onRetry?.({ why, waitMs });
    const { signal } = this.#options;
    await pause(waitMs, signal);
    if (signal?.aborted === true) throw new NamedError('StoppedError', 'The download was stopped.');
  }
}

/** One request, aborted when nothing arrives for `stallMs`. */
class Attempt {
  readonly #options: HubOptions;
  readonly #stallMs: number;
  readonly #host: string;
  readonly #cut = new AbortController();
  readonly #stop = (): void => this.#cut.abort();
  #stalled = false;

  constructor(options: HubOptions, stallMs: number, host: string) {
    this.#options = options;
    this.#stallMs = stallMs;
    this.#host = host;
    if (options.signal?.aborted === true) this.#stop();
    options.signal?.addEventListener('abort', this.#stop, { once: true });
  }

  fetch(url: URL, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const { fetch, token } = this.#options;
    const authorization = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const init: RequestInit = {
      headers: { ...headers, ...authorization },
      signal: this.#cut.signal,
      cache: 'no-store',
    };
    return this.within(fetch(url, init));
  }

  /** Passes on a response's body, piece by piece with its offset, up to `limit` bytes. */
  async eachPiece(response: Response, limit: number, use: (piece: Uint8Array, offset: number) => void): Promise<void> {
    const reader = response.body?.getReader();
    let offset = 0;
    while (reader !== undefined) {
      const { done, value } = await this.within(reader.read());
      if (done) return;
      const piece = value.subarray(0, limit - offset);
      use(piece, offset);
      offset += piece.length;
      if (offset >= limit) return;
    }
  }

  /** Waits for something of this request, no longer than `stallMs`. */
  async within<T>(work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.#stalled = true;
      this.#cut.abort();
    }, this.#stallMs);
    try {
      return await work;
    } catch (thrown) {
      if (this.#stalled) throw new PassingFailure(`nothing came for ${this.#stallMs / 1000} seconds.`, 0, thrown);
      throw new PassingFailure(
        `${this.#host} could not be reached, or the connection broke (${reason(thrown)}).`,
        0,
        thrown,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connection if it is still in use. */
  end(): void {
    this.#options.signal?.removeEventListener('abort', this.#stop);
    this.#cut.abort();
  }
}

/** The reason of a network failure: Node hides it in the cause. */
function reason(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(thrown);
}

function refused(asked: Asked, { status, headers, url, redirected }: Response): Error {
  // A storage server behind the hub refuses an address that has expired: the hub gives a new one.
  const isExpired =
    (status === 401 || status === 403) && redirected && new URL(url).origin !== new URL(asked.endpoint).origin;
  if (!isPassing(status) && !isExpired) return refusal(asked, status, headers);
  return new PassingFailure(`it answers ${status}${status === 429 ? ' (too many requests)' : ''}.`, pauseOf(headers));
}

/** Retry-After, seconds or a date, in milliseconds. */
function pauseOf(headers: Headers): number {
  const text = headers.get('retry-after');
  if (text === null) return 0;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return seconds > 0 ? seconds * 1000 : 0;
}

function tooLong(response: Response, asked: Asked, size: number): NamedError {
  return changed(asked, `${new URL(response.url).origin} sends more than the ${size} bytes listed`);
}
