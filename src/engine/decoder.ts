/**
 * One sequence of tokens in the language model: prefill the new tokens, then decode. It remembers which token or image lies in
 * every slot of the KV cache, so that a prompt recomputes only the suffix after the prefix it shares with the cached one.
 * It knows nothing of text, rounds, tools, or the backend.
 */
import { NamedError } from '../shared/errors.ts';
import type { ForwardOptions, ForwardResult, Sequence, TextModel, TokenInput } from './backend.ts';
import { decodePipelined, type PipelineOptions } from './decode-pipeline.ts';
import { type DeviceQueue, throwIfStopped } from './device-queue.ts';
import { notFinite } from './not-finite.ts';
import { inputsOf, runsOf, runTokens } from './prefill-chunks.ts';
import { commonPrefix, countTokens, type Segment, slotsOf, spansOf } from './segments.ts';

/** Capacities are multiples of this many tokens, or the context length. */
const CAPACITY_STEP = 512;

/** A full cache grows by this part of its capacity, so that long responses copy it a few times only. */
const GROWTH = 1 / 2;

/**
 * Default in-flight depth. Two would do if submission and readback took no time; each further step hides more of their
 * latency, and is wasted when the response ends.
 */
const IN_FLIGHT_DEPTH = 4;

/** What a decoder runs with. */
export interface DecoderOptions {
  readonly text: TextModel;
  /** Most tokens of a sequence. */
  readonly contextLength: number;
  /** One queue serialises all work on a device. */
  readonly queue: DeviceQueue;
  /** In-flight depth; 0: no step is submitted before its input token is known. */
  readonly inFlightDepth?: number;
}

/** The token that follows a prompt. */
export interface NextToken {
  /** The arg max of the logits at the last position. */
  readonly greedy: number;
  /** `[vocab]`, if requested. */
  readonly logits: Float32Array | null;
}

/** How a prompt was computed. */
export interface PrefillResult extends NextToken {
  readonly promptTokens: number;
  /** How many of the prompt's tokens this prefill computed. */
  readonly computedTokens: number;
}

/** The result of a step. */
export interface StepResult {
  /** The tokens that follow, each the arg max at its position: the accepted part of the draft, and one more. */
  readonly tokens: readonly number[];
  /** `[vocab]` at the last of these positions, if requested. */
  readonly logits: Float32Array | null;
}

/** The language model with one sequence in it. */
export class Decoder {
  readonly #text: TextModel;
  /** Most tokens of a sequence. */
  readonly contextLength: number;
  readonly #queue: DeviceQueue;
  readonly #inFlightDepth: number;
  #sequence: Sequence | null = null;
  /** Per cached slot: the token id, or -1 - serial for an image's token. The sequence may hold abandoned tokens after these. */
  #slots: number[] = [];

  constructor({ text, contextLength, queue, inFlightDepth = IN_FLIGHT_DEPTH }: DecoderOptions) {
    this.#text = text;
    this.contextLength = contextLength;
    this.#queue = queue;
    this.#inFlightDepth = inFlightDepth;
  }

  /** Tokens the cache holds. */
  get length(): number {
    return this.#slots.length;
  }

  /** Whether steps can be submitted before their input tokens are known here: then `pipelined` beats `step`. Valid after `reserve`. */
  get canPipeline(): boolean {
    return this.#inFlightDepth > 0 && this.#sequence?.decodeAhead !== undefined;
  }

  /** Tokens the context may still take. */
  get freeCapacity(): number {
    return (this.#sequence?.capacity ?? this.contextLength) - this.length;
  }

  /** Tokens the cache can hold. */
  get capacity(): number {
    return this.#sequence?.capacity ?? 0;
  }

  /** What lies in every slot of the cache: token ids, and marks of images. A copy. */
  get slots(): readonly number[] {
    return [...this.#slots];
  }

  /** How many leading tokens of the prompt the cache already holds. The last token is always recomputed. */
  cachedPrefix(prompt: readonly Segment[]): number {
    return commonPrefix(this.#slots, prompt);
  }

  /**
   * Reserves capacity for `wished` tokens in all, up to the context length; keeps the cached tokens.
   * Throws ContextLengthError when `required` tokens do not fit, and whatever the backend throws when memory is lacking; then
   * no cache is left.
   */
  async reserve(required: number, wished: number): Promise<void> {
    if (required > this.contextLength) {
      throw new NamedError(
        'ContextLengthError',
        `The question and its images need ${required} tokens, the model holds ${this.contextLength}. ` +
          'Ask a shorter question, show fewer images, or set a smaller pixel budget.',
      );
    }
    const capacity = this.#roundedCapacity(wished);
    if (this.#sequence !== null && this.#sequence.capacity >= capacity) return;
    if (this.length > 0) return this.#grow(capacity);
    await this.clear(); // first: if the new cache does not fit into memory, the old one is freed all the same
    this.#sequence = await this.#text.open(capacity);
  }

  /**
   * Makes room for more tokens where the cache is full; resolves to whether there is room. Throws StoppedError when the signal
   * fires, and what `reserve` throws when memory is lacking.
   */
  async extend(signal: AbortSignal): Promise<boolean> {
    if (this.freeCapacity > 0) return true;
    if (this.capacity >= this.contextLength) return false;
    await this.#grow(this.#roundedCapacity(this.capacity * (1 + GROWTH)));
    throwIfStopped(signal);
    return true;
  }

  /**
   * Computes the part of `prompt` that is not cached and returns the token that follows. Throws StoppedError when the signal
   * fires, ContextLengthError when the prompt exceeds the reserved capacity; the cache stays usable.
   */
  async prefill(
    prompt: readonly Segment[],
    options: {
      readonly signal: AbortSignal;
      readonly wantLogits: boolean;
      readonly onProgress?: (fraction: number) => void;
    },
  ): Promise<PrefillResult> {
    const sequence = this.#reserved();
    const promptTokens = countTokens(prompt);
    if (promptTokens > sequence.capacity) {
      throw new NamedError(
        'ContextLengthError',
        `The prompt has ${promptTokens} tokens, the cache ${sequence.capacity}.`,
      );
    }
    // 1. Keep the common prefix.
    const cached = this.cachedPrefix(prompt);
    await this.#truncate(cached);
    // 2. Set the layout of the prompt.
    sequence.setLayout(spansOf(prompt));
    // 3. Run the rest, chunk by chunk.
    let next: NextToken | null = null;
    let done = cached;
    for (const run of runsOf(prompt, cached, this.#text.prefillChunk)) {
      const count = runTokens(run);
      const last = done + count === promptTokens;
      next = await this.#queue.run(options.signal, async () => {
        const want = { logitsRows: last ? 1 : 0, wantLogits: last && options.wantLogits };
        const { greedy, logits } = await this.#forward(await inputsOf(run), want);
        for (const piece of run)
          this.#slots.push(...slotsOf(piece.segment).slice(piece.first, piece.first + piece.count));
        return last ? { greedy: greedy[0] ?? -1, logits } : null;
      });
      done += count;
      options.onProgress?.((done - cached) / (promptTokens - cached));
    }
    if (next === null) throw new Error('a prompt must have tokens');
    return { ...next, promptTokens, computedTokens: promptTokens - cached };
  }

  /**
   * Appends one text token and returns what follows. A draft is verified in the same run: the longest prefix that
   * token-by-token decoding would have produced is accepted, the rest is dropped. Throws StoppedError when the signal fires.
   */
  async step(
    id: number,
    options: { readonly signal: AbortSignal; readonly wantLogits: boolean; readonly draft?: readonly number[] },
  ): Promise<StepResult> {
    const { signal, wantLogits, draft = [] } = options;
    const ids = [id, ...draft];
    if (this.freeCapacity < ids.length) {
      throw new NamedError(
        'ContextLengthError',
        `The cache of ${this.length} tokens has no free capacity for ${ids.length}.`,
      );
    }
    return this.#queue.run(signal, async () => {
      const want = { logitsRows: ids.length, wantLogits };
      const { greedy, logits } = await this.#forward([{ kind: 'ids', ids }], want);
      const wrong = draft.findIndex((drafted, i) => drafted !== greedy[i]);
      const accepted = wrong < 0 ? draft.length : wrong;
      this.#slots.push(...ids.slice(0, 1 + accepted));
      const vocab = this.#text.vocabSize;
      return {
        tokens: greedy.slice(0, accepted + 1),
        logits: logits?.subarray(accepted * vocab, (accepted + 1) * vocab) ?? null,
      };
    });
  }

  /**
   * Decodes greedily from `id` on, submitting some steps before their input token is known here; yields the tokens in order
   * until `shouldContinue` returns false, after `most` steps, or when the cache is full. Breaking out of the loop leaves the
   * sequence as if each step had run alone. Throws StoppedError when the signal fires.
   */
  async *pipelined(id: number, options: PipelineOptions): AsyncGenerator<number, void, undefined> {
    const sequence = this.#reserved();
    const decodeAhead = async (taken: number | null): ReturnType<NonNullable<Sequence['decodeAhead']>> => {
      if (sequence.decodeAhead === undefined) throw new Error('this backend submits no step ahead of its token');
      if (taken !== null) await this.#dropAbandoned();
      return sequence.decodeAhead(taken);
    };
    const context = { decodeAhead, queue: this.#queue, depth: this.#inFlightDepth };
    const most = Math.min(options.most, this.freeCapacity);
    let taken = id;
    for await (const token of decodePipelined(id, context, { ...options, most })) {
      this.#check([token]);
      this.#slots.push(taken);
      taken = token;
      yield token;
    }
  }

  /** Drops the tokens and keeps the memory for the next sequence. */
  async forget(): Promise<void> {
    await this.#truncate(0);
  }

  /** Drops the tokens and frees the memory. */
  async clear(): Promise<void> {
    await this.#queue.idle();
    this.#sequence?.dispose();
    this.#sequence = null;
    this.#slots = [];
  }

  #roundedCapacity(wished: number): number {
    return Math.min(this.contextLength, Math.ceil(wished / CAPACITY_STEP) * CAPACITY_STEP);
  }

  /** Grows the cache in place. Where that fails it frees the cache, as a failed allocation leaves none. */
  async #grow(capacity: number): Promise<void> {
    const sequence = this.#reserved();
    await this.#queue.idle();
    await this.#dropAbandoned();
    try {
      await sequence.grow(capacity);
    } catch (thrown) {
      await this.clear();
      throw thrown;
    }
  }

  #reserved(): Sequence {
    if (this.#sequence === null) throw new Error('reserve() comes before prefill()');
    return this.#sequence;
  }

  async #truncate(length: number): Promise<void> {
    await this.#queue.idle();
    this.#slots.length = length;
    await this.#dropAbandoned();
  }

  /** Truncates the sequence to our slots: drops rejected drafts, abandoned steps, and runs whose result never arrived. */
  async #dropAbandoned(): Promise<void> {
    const sequence = this.#sequence;
    if (sequence !== null && sequence.length > this.length) await sequence.truncate(this.length);
  }

  /** Runs tokens after our slots. */
  async #forward(inputs: readonly TokenInput[], options: ForwardOptions): Promise<ForwardResult> {
    await this.#dropAbandoned();
    const result = await this.#reserved().forward(inputs, options);
    this.#check(result.greedy);
    return result;
  }

  /** Throws NumericCheckError for an arg max outside the vocabulary: no logit was finite. */
  #check(ids: readonly number[]): void {
    if (ids.some((id) => id < 0 || id >= this.#text.vocabSize)) throw notFinite();
  }
}
