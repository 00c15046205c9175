/**
 * The interface between the engine and its backends. One of those in backends/registry.ts is chosen, and gives
 * the engine two models; nothing above it knows which backend runs, what its tensors are called, or where they lie.
 */
import type { PreprocessedImage } from '../image/patchify.ts';
import type { Span } from '../model/span.ts';

/** Features of one image, stored wherever the backend chooses. Only the backend that made them can use them. */
export interface ImageFeatures {
  /** Visual tokens. */
  readonly tokens: number;
  /** A copy on the host, f32 `[tokens, hidden]`, row by row. */
  read(): Promise<Float32Array>;
  /** Resolves once they are computed, where encoding resolves on submission. Throws where the device has failed. */
  computed(): Promise<void>;
  /** Frees device memory. Disposing twice does nothing. */
  dispose(): void;
}

/** The vision tower. */
export interface VisionModel {
  /** Bytes of one visual token's features. */
  readonly bytesPerToken: number;
  /**
   * Encodes one preprocessed image. On a device it may resolve on submission. The caller disposes the result.
   * Throws ImageTooLargeError if the backend lacks the memory for so many patches.
   */
  encode(image: PreprocessedImage): Promise<ImageFeatures>;
}

/** An input of a run: token ids, or rows `[first, first + count)` of an image's features. At least one token. */
export type TokenInput =
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'features'; readonly features: ImageFeatures; readonly first: number; readonly count: number };

/** What a run returns. */
export interface ForwardOptions {
  /** Last positions to compute the arg max of; 0 for a chunk in the middle of a prompt. */
  readonly logitsRows: number;
  /** Whether to return the logits themselves, too. */
  readonly wantLogits: boolean;
}

/** The result of a run. */
export interface ForwardResult {
  /** The arg max at each of the last `logitsRows` positions; outside the vocabulary where no logit was finite. */
  readonly greedy: readonly number[];
  /** `[logitsRows, vocab]` when asked for, else null. */
  readonly logits: Float32Array | null;
}

/** A token still being computed; wrapped so that awaiting the submission does not await the token. */
export interface PendingToken {
  readonly token: Promise<number>;
}

/** One sequence of tokens with its KV cache. Callers make one call at a time. */
export interface Sequence {
  /** Tokens it can hold. */
  readonly capacity: number;
  /** Tokens it holds. */
  readonly length: number;
  /**
   * Sets the layout of the prompt, which determines every position; slots after it are text. Called before `forward`
   * whenever the prompt changes. Cached tokens must keep the positions they were computed with.
   */
  setLayout(spans: readonly Span[]): void;
  /** Runs tokens after the cached ones. If it throws, the tokens cached before stay valid. */
  forward(input: readonly TokenInput[], options: ForwardOptions): Promise<ForwardResult>;
  /**
   * Submits a greedy decode step that takes `id`, or for null the token of the previously submitted step; resolves on
   * submission. Absent where a step cannot be submitted before its input token is known. `truncate` discards abandoned
   * steps.
   */
  readonly decodeAhead?: (id: number | null) => Promise<PendingToken>;
  /** Drops all but the first `length` tokens without waiting for steps in flight. */
  truncate(length: number): Promise<void>;
  /** Raises the capacity and keeps the tokens. After it throws, the sequence can only be disposed of. */
  grow(capacity: number): Promise<void>;
  /** Frees the cache. */
  dispose(): void;
}

/** The language model with its embedding. */
export interface TextModel {
  readonly vocabSize: number;
  /** Most tokens of a prefill run: where a run blocks the thread, a stop is noticed only between runs. */
  readonly prefillChunk: number;
  /** Opens a sequence of at least `capacity` tokens. Throws if the memory for its cache cannot be allocated. */
  open(capacity: number): Promise<Sequence>;
}

/** A loaded model. */
export interface Backend {
  readonly vision: VisionModel;
  readonly text: TextModel;
  /** Whether the thread stays free during a run, so that a stop request can arrive. */
  readonly leavesThreadFree: boolean;
  /** Noteworthy facts about how it computes, one sentence each. */
  notes(): readonly string[];
  /** Frees everything. The backend cannot be used afterwards. */
  dispose(): Promise<void>;
}
