/**
 * A repository of a hub (huggingface.co, or a mirror that speaks its protocol) as a folder to read. One request lists the
 * files of a revision; from then on everything is read at that commit, by Range, so nothing can change half-way.
 * Knows nothing about models, and about the platform only the `fetch` it is given.
 * Protocol: huggingface_hub `hf_api.model_info(files_metadata=True)`, `file_download.py`, `utils/_http.py`.
 */
import type { FileSource } from '../../shared/files.ts';

/** The hub itself. */
export const HUB_ENDPOINT = 'https://huggingface.co';

/** What was asked for when no revision was named. */
export const DEFAULT_REVISION = 'main';

/** How a hub is spoken to. */
export interface HubOptions {
  readonly fetch: typeof fetch;
  /** Where the hub is; {@link HUB_ENDPOINT} where absent. */
  readonly endpoint?: string;
  /** A branch, a tag or a commit; {@link DEFAULT_REVISION} where absent. */
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

/** A file as the hub lists it. */
export interface HubFile {
  readonly path: string;
  readonly bytes: number;
  /** Of files in large-file storage: weights always are. */
  readonly sha256: string | undefined;
  /** Of every file: changes with its content. */
  readonly blobId: string;
}

/** A repository at one commit. */
export interface HubFolder extends FileSource {
  /** `owner/name`, as the hub spells it. */
  readonly id: string;
  /** What was asked for. */
  readonly revision: string;
  /** What that was when it was opened: 40 hexadecimal digits. */
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
 * server that is no hub; the message says what to do
 */
export declare function openHubFolder(id: string, options: HubOptions): Promise<HubFolder>;

/** `owner/name` out of an id or of a page's address (`https://huggingface.co/owner/name/tree/main`); undefined for other text. */
export declare function parseHubId(text: string): string | undefined;
