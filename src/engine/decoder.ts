/**
 * One sequence of tokens in the language model: prefill what is new, then step. It remembers which token or image lies in
 * every slot of the KV cache, so that a prompt recomputes only the suffix after the prefix it shares with the cached one.
 * It knows nothing of text, rounds, tools, or of what computes.
 */
import { NamedError } from '../shared/errors.ts';
import type { ForwardOptions, ForwardResult, Sequence, TextModel, TokenInput } from './backend.ts';
import { decodePipelined, type PipelineOptions } from './decode-pipeline.ts';
import type { DeviceQueue } from './device-queue.ts';
import { inputsOf, runsOf, runTokens } from './prefill-chunks.ts';
import { countTokens, type Segment, slotsOf, spansOf } from './segments.ts';

/** Sequences are opened in multiples of this many tokens. */
const CAPACITY_STEP = 512;

/**
 * Steps in flight at most. Two would do if submitting took no time and tokens came back at once; each further one evens out
 * more of their delay, and is computed in vain when the response ends.
 */
const IN_FLIGHT_DEPTH = 4;

/** What a decoder is made with. */
export interface DecoderOptions {
  readonly text: TextModel;
  /** Tokens of a sequence at most. */
  readonly contextLength: number;
  /** Everything that runs on the same device goes through one queue. */
  readonly queue: DeviceQueue;
  /** Steps in flight at most; 0: none is submitted ahead of its token. */
  readonly inFlightDepth?: number;
}

/** What a prefill ends with. */
export interface NextToken {
  /** The arg max of the logits at the last position. */
  readonly greedy: number;
  /** `[vocab]`, when asked for. */
  readonly logits: Float32Array | null;
}

/** How a prompt was computed. */
export interface PrefillResult extends NextToken {
  readonly promptTokens: number;
  /** How many of them this prefill computed. */
  readonly computedTokens: number;
}

/** What a step gives. */
export interface StepResult {
  /** The tokens that follow, each the arg max at its place: the part of the draft that proved right, and one more. */
  readonly tokens: readonly number[];
  /** `[vocab]` at the last of these places, when asked for. */
  readonly logits: Float32Array | null;
}

/** The language model with one sequence in it. */
export class Decoder {
  readonly #text: TextModel;
  readonly #contextLength: number;
  readonly #queue: DeviceQueue;
  readonly #inFlightDepth: number;
  #sequence: Sequence | null = null;
  /** Per cached slot: the token id, or -1 - serial for an image's token. The sequence may hold abandoned tokens behind these. */
  #slots: number[] = [];

  constructor({ text, contextLength, queue, inFlightDepth = IN_FLIGHT_DEPTH }: DecoderOptions) {
    this.#text = text;
    this.#contextLength = contextLength;
    this.#queue = queue;
    this.#inFlightDepth = inFlightDepth;
  }

  /** Tokens the cache holds. */
  get length(): number {
    return this.#slots.length;
  }

  /** Whether steps can be submitted before the tokens they take are known here: then `pipelined` beats `step`. Known once reserved. */
  get canPipeline(): boolean {
    return this.#inFlightDepth > 0 && this.#sequence?.decodeAhead !== undefined;
  }

  /** Tokens the context may still take. */
  get freeCapacity(): number {
    return (this.#sequence?.capacity ?? this.#contextLength) - this.length;
  }

  /** Tokens the cache is made for. */
  get capacity(): number {
    return this.#sequence?.capacity ?? 0;
  }

  /** How many tokens of the prompt the cache already holds, from the start. The last one is always left to compute. */
  cachedPrefix(prompt: readonly Segment[]): number {
    const wanted = prompt.flatMap(slotsOf);
    let same = 0;
    while (same < this.#slots.length && same < wanted.length - 1 && this.#slots[same] === wanted[same]) same++;
    return same;
  }

  /**
   * Makes room for `wished` tokens in all, up to the context's length. Keeps what is cached unless the cache must be larger.
   * Throws ContextLengthError when `required` tokens do not fit.
   */
  async reserve(required: number, wished: number): Promise<void> {
    if (required > this.#contextLength) {
      throw new NamedError(
        'ContextLengthError',
        `The question and the image need ${required} tokens, the model holds ${this.#contextLength}. ` +
          'Ask a shorter question, or set a smaller pixel budget.',
      );
    }
    const capacity = Math.min(this.#contextLength, Math.ceil(wished / CAPACITY_STEP) * CAPACITY_STEP);
    if (this.#sequence !== null && this.#sequence.capacity >= capacity) return;
    await this.clear(); // first: should the new cache not fit into memory, the old one is gone all the same
    this.#sequence = await this.#text.open(capacity);
  }

  /**
   * Computes what the cache lacks of `prompt` and gives the token that follows. Throws StoppedError when the signal
   * fires, ContextLengthError when the prompt is longer than what `reserve` made room for; the cache stays usable.
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
    // 2. Say what stands where in the prompt.
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
   * Puts one text token behind the sequence and gives what follows. A draft is verified in the same run: as much of it as
   * plain steps would have given stays in the sequence, the rest is taken back. Throws StoppedError when the signal fires.
   */
  async step(
    id: number,
    options: { readonly signal: AbortSignal; readonly wantLogits: boolean; readonly draft?: readonly number[] },
  ): Promise<StepResult> {
    const { signal, wantLogits, draft = [] } = options;
    const ids = [id, ...draft];
    if (this.freeCapacity < ids.length) {
      throw new NamedError('ContextLengthError', `The cache of ${this.length} tokens has no room for ${ids.length}.`);
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
   * Greedy steps behind `id`, some submitted before the token they take is known here; gives the tokens that follow, in
   * order, until `goOn` says no, or after `most` steps, or when the cache is full. Breaking out of the loop leaves the
   * sequence as if each step had been asked for alone. Throws StoppedError when the signal fires.
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

  /** Forgets the sequence and keeps its memory for the next. */
  async forget(): Promise<void> {
    await this.#truncate(0);
  }

  /** Forgets the sequence and frees its memory. */
  async clear(): Promise<void> {
    await this.#queue.idle();
    this.#sequence?.dispose();
    this.#sequence = null;
    this.#slots = [];
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

  /** Takes back what the sequence holds behind our slots: a wrong draft, abandoned steps, a run whose result never came. */
  async #dropAbandoned(): Promise<void> {
    const sequence = this.#sequence;
    if (sequence !== null && sequence.length > this.length) await sequence.truncate(this.length);
  }

  /** A run behind our slots. */
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

/** Error for non-finite logits. */
export function notFinite(): NamedError {
  return new NamedError(
    'NumericCheckError',
    "The model's logits are not finite: its numbers have left the range of this device's arithmetic. Convert the checkpoint with dtype q4, " +
      'which computes in 32 bits, or ask about another picture.',
  );
}
