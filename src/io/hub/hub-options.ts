/** Settings of requests to a hub. */

/** The endpoint, revision, credentials and timeouts of a hub's client. */
export interface HubOptions {
  readonly fetch: typeof fetch;
  /** A mirror; the hub itself where absent. */
  readonly endpoint?: string;
  /** A branch, a tag or a commit; `main` where absent. */
  readonly revision?: string;
  /** For gated and private repositories. Never sent to another host than the endpoint. */
  readonly token?: string | undefined;
  /** Ends waiting and reading with a StoppedError. */
  readonly signal?: AbortSignal;
  /** Bytes of files that have arrived since the last call. */
  readonly onBytes?: (bytes: number) => void;
  /** A request failed and will be made again after `waitMs`; `why` is a sentence. */
  readonly onRetry?: (retry: { readonly why: string; readonly waitMs: number }) => void;
  readonly patience?: Patience;
}

/** When to give up. Times in milliseconds. */
export interface Patience {
  /** A connection that brings nothing for this long is cut and made again. */
  readonly stallMs: number;
  /** The wait before the first retry; it doubles with each, and up to as much again is added at random. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** Failures one after the other, without a byte between them, that end it. */
  readonly attempts: number;
}
