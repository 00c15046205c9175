/**
 * The seam between the engine and whatever computes. A backend is chosen in one place (workers/backends.ts, cli/) and hands
 * the engine two models; nothing above it knows which backend runs, what its tensors are called, or where they lie.
 * Implementations: backends/onnx/, backends/webgpu/, and a scripted one in tests.
 */
import type { PreprocessedImage } from '../image/patchify.ts';
import type { Span } from '../model/span.ts';

/** Features of one image, wherever the backend keeps them. Only the backend that made them can use them. */
export interface ImageFeatures {
  /** Visual tokens. */
  readonly tokens: number;
  /** A copy on the host, f32 `[tokens, hidden]`, row by row. */
  read(): Promise<Float32Array>;
  /** Frees device memory. Disposing twice does nothing. */
  dispose(): void;
}

/** The vision tower. */
export interface VisionModel {
  /**
   * Encodes one preprocessed image. On a device it may resolve once the work is submitted. The caller disposes the result.
   * Throws ImageTooLargeError where the backend has no room for so many patches.
   */
  encode(image: PreprocessedImage): Promise<ImageFeatures>;
}

/** What a run takes: token ids, or rows `[first, first + count)` of an image's features. At least one token. */
export type TokenInput =
  | { readonly kind: 'ids'; readonly ids: readonly number[] }
  | { readonly kind: 'features'; readonly features: ImageFeatures; readonly first: number; readonly count: number };

/** What a run gives back. */
export interface ForwardOptions {
  /** Last positions whose arg max is wanted; 0 for a chunk in the middle of a prompt. */
  readonly logitsRows: number;
  /** Whether the logits themselves are wanted, too. */
  readonly wantLogits: boolean;
}

/** The result of a run. */
export interface ForwardResult {
  /** The arg max at each of the last `logitsRows` positions; outside the vocabulary where no logit was finite. */
  readonly greedy: readonly number[];
  /** `[logitsRows, vocab]` when asked for, else null. */
  readonly logits: Float32Array | null;
}

/** A token that is still being computed; wrapped, so that awaiting the submission does not await the token. */
export interface PendingToken {
  readonly token: Promise<number>;
}

/** One sequence of tokens with its KV cache. Calls come one at a time. */
export interface Sequence {
  /** Tokens it can hold. */
  readonly capacity: number;
  /** Tokens it holds. */
  readonly length: number;
  /**
   * Says what stands where in the prompt, which decides every position; slots behind it are text. Called before `forward`
   * whenever the prompt changes. What is cached already must have the positions it was computed with.
   */
  setLayout(spans: readonly Span[]): void;
  /** Runs tokens behind those that are cached. When it throws, what was cached before still counts. */
  forward(input: readonly TokenInput[], options: ForwardOptions): Promise<ForwardResult>;
  /**
   * Submits a greedy decode step which takes `id`, or at null the token of the step submitted before; resolves when it is
   * submitted. Absent where a step cannot be submitted before the token it takes is known. Steps that nobody waits for any more
   * are taken back with `truncate`.
   */
  readonly decodeAhead?: (id: number | null) => Promise<PendingToken>;
  /** Forgets all but the first `length` tokens; does not wait for steps in flight. */
  truncate(length: number): Promise<void>;
  /** Frees the cache. */
  dispose(): void;
}

/** The language model with its embedding. */
export interface TextModel {
  readonly vocabSize: number;
  /** Tokens a prefill run takes at most: where a run blocks, a stop is noticed between runs only. */
  readonly prefillChunk: number;
  /** Makes a sequence of at least `capacity` tokens. Throws where the memory for its cache is refused. */
  open(capacity: number): Promise<Sequence>;
}

/** A loaded model on some machine. */
export interface Backend {
  readonly vision: VisionModel;
  readonly text: TextModel;
  /** Whether awaiting a run leaves the thread free, so that a stop request can arrive meanwhile. */
  readonly leavesThreadFree: boolean;
  /** What is worth knowing of how it computes, one plain sentence each. */
  notes(): readonly string[];
  /** Frees everything. The backend is of no use afterwards. */
  dispose(): Promise<void>;
}
