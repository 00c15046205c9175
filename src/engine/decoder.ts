/**
 * One sequence of tokens in the language model: prefill what is new, then step. It owns the KV cache and remembers which
 * token or image lies in every slot, so that a prompt which begins like the cached one is only computed from where they
 * part. It knows nothing of text, rounds or tools.
 */
import type { ModelConfig } from '../model/model-config.ts';
import { DECODER } from '../model/graph-names.ts';
import type { Activations } from '../model/manifest.ts';
import type { Runtime, Tensor, TensorType } from '../backends/onnx/runtime.ts';
import { NamedError } from '../shared/errors.ts';
import { Embedder } from './embedder.ts';
import { createKvCache, type KvCache } from './kv-cache.ts';
import { RotaryTables } from './rotary-tables.ts';
import { runsOf, runTokens } from './prefill-chunks.ts';
import { countTokens, type Segment, slotsOf } from './segments.ts';
import { type ChainOptions, type DecoderSessions, DecodePipeline } from './decode-pipeline.ts';
import type { DeviceQueue } from './device-queue.ts';

/**
 * Tokens a prefill run takes at most: a stop is noticed between runs. Where runs are only submitted, a stop waits for none of
 * them, and longer runs keep a large GPU busier.
 */
const CHUNK_TOKENS = 512;
const PIPELINED_CHUNK_TOKENS = 2048;

/** Static caches are allocated in multiples of this many tokens. */
const CAPACITY_STEP = 512;

/**
 * Steps of a chain that are submitted at most without their tokens being known. Two would do if submitting took no time
 * and tokens came back at once; each further one evens out more of their delay, and is computed in vain when the response ends.
 */
const LOOK_AHEAD = 4;

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
  /** `[vocab]` of the last place, when asked for. */
  readonly logits: Float32Array | null;
}

/** The language model with one sequence in it. */
export class Decoder {
  readonly #runtime: Runtime;
  readonly #sessions: DecoderSessions;
  readonly #geometry: ModelConfig;
  readonly #activations: Activations;
  readonly #contextLength: number;
  readonly #queue: DeviceQueue;
  readonly #embedder: Embedder;
  readonly #rotary: RotaryTables;
  readonly #lookAhead: number;
  readonly #chunkTokens: number;
  #pipeline: DecodePipeline | null = null;
  #cache: KvCache | null = null;
  /** Per cached slot: the token id, or -1 - serial for an image's token. */
  #slots: number[] = [];

  constructor(
    runtime: Runtime,
    sessions: DecoderSessions,
    geometry: ModelConfig,
    activations: Activations,
    contextLength: number,
    queue: DeviceQueue,
    lookAhead = LOOK_AHEAD,
  ) {
    this.#runtime = runtime;
    this.#sessions = sessions;
    this.#geometry = geometry;
    this.#activations = activations;
    this.#contextLength = contextLength;
    this.#queue = queue;
    this.#lookAhead = runtime.pipelined ? lookAhead : 0;
    this.#chunkTokens = runtime.pipelined ? PIPELINED_CHUNK_TOKENS : CHUNK_TOKENS;
    this.#embedder = new Embedder(runtime, sessions.embedTokens);
    this.#rotary = new RotaryTables(runtime, geometry.text, activations);
  }

  /** Tokens the cache holds. */
  get length(): number {
    return this.#slots.length;
  }

  /** Whether steps can be submitted before the tokens they take are known here: then `chain` beats `step`. */
  get chains(): boolean {
    return this.#lookAhead > 0;
  }

  /** Tokens the context may still take. */
  get room(): number {
    return (this.#cache?.capacity ?? this.#contextLength) - this.length;
  }

  /** Tokens the cache is made for. */
  get capacity(): number {
    return this.#cache?.capacity ?? 0;
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
    if (this.#cache !== null && this.#cache.capacity >= capacity) return;
    await this.clear(); // first: should the new cache not fit into memory, the old one is gone all the same
    this.#cache = createKvCache(this.#runtime, this.#geometry.text, this.#type, capacity);
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
    const cache = this.#requireCache();
    const promptTokens = countTokens(prompt);
    if (promptTokens > cache.capacity) {
      throw new NamedError('ContextLengthError', `The prompt has ${promptTokens} tokens, the cache ${cache.capacity}.`);
    }
    // 1. Keep the common prefix.
    const cached = this.cachedPrefix(prompt);
    await this.#truncate(cached);
    // 2. Rotary rows for the whole prompt and for the text that will follow it.
    this.#rotary.fill(prompt, cache.capacity);
    // 3. Run the rest, chunk by chunk.
    let next: NextToken | null = null;
    let done = cached;
    for (const run of runsOf(prompt, cached, this.#chunkTokens)) {
      const count = runTokens(run);
      const last = done + count === promptTokens;
      next = await this.#queue.run(options.signal, async () => {
        const embeds = await this.#embedder.run(run);
        const { greedy, logits } = await this.#run(embeds, count, last ? 1 : 0, last && options.wantLogits);
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
    if (this.room < ids.length) {
      throw new NamedError('ContextLengthError', `The cache of ${this.length} tokens has no room for ${ids.length}.`);
    }
    return this.#queue.run(signal, async () => {
      const { greedy, logits } = await this.#run(await this.#embedder.ids(ids), ids.length, ids.length, wantLogits);
      const wrong = draft.findIndex((drafted, i) => drafted !== greedy[i]);
      const accepted = wrong < 0 ? draft.length : wrong;
      this.#slots.push(...ids.slice(0, 1 + accepted));
      if (accepted < draft.length) await this.#cache?.truncate(this.length);
      return { tokens: greedy.slice(0, accepted + 1), logits };
    });
  }

  /**
   * Greedy steps behind `id`, some submitted before the token they take is known here; gives the tokens that follow, in
   * order, until `goOn` says no, or after `most` steps, or when the cache is full. Who leaves earlier finds the sequence as
   * if each step had been asked for alone: slots written beyond it count for nothing. Throws StoppedError when the signal fires.
   */
  async *chain(id: number, options: ChainOptions): AsyncGenerator<number, void, undefined> {
    const most = Math.min(options.most, this.room);
    const ahead = { length: this.length, lookAhead: this.#lookAhead, queue: this.#queue };
    let taken = id;
    for await (const token of this.#bindPipeline().run(id, { ...options, ...ahead, most })) {
      this.#check([token]);
      this.#slots.push(taken);
      taken = token;
      yield token;
    }
  }

  /** Logits `[positions, vocab]` of every token of `prompt`, computed afresh in one run; for tests. */
  async allLogits(prompt: readonly Segment[]): Promise<Float32Array> {
    const tokens = countTokens(prompt);
    await this.reserve(tokens, tokens);
    await this.#truncate(0);
    this.#rotary.fill(prompt, this.#requireCache().capacity);
    const embeds = await this.#embedder.run(runsOf(prompt, 0, tokens)[0] ?? []);
    const results = await this.#forward(embeds, tokens, 0, { [DECODER.logits]: null });
    const logits = await results[DECODER.logits]?.read();
    for (const segment of prompt) this.#slots.push(...slotsOf(segment));
    if (!(logits instanceof Float32Array)) throw new TypeError('logits are floats');
    return logits;
  }

  /** Forgets the sequence and keeps its memory for the next. */
  async forget(): Promise<void> {
    await this.#truncate(0);
  }

  /** Forgets the sequence and frees its memory. */
  async clear(): Promise<void> {
    await this.#queue.idle();
    this.#cache?.dispose();
    this.#cache = null;
    this.#slots = [];
    this.#rotary.dispose();
    this.#pipeline?.dispose();
    this.#pipeline = null;
  }

  get #type(): TensorType {
    return this.#activations === 'f16' ? 'float16' : 'float32';
  }

  #requireCache(): KvCache {
    if (this.#cache === null) throw new Error('reserve() comes before prefill()');
    return this.#cache;
  }

  #bindPipeline(): DecodePipeline {
    const cache = this.#requireCache();
    const [cos, sin] = this.#rotary.tensors;
    this.#pipeline ??= new DecodePipeline(this.#runtime, this.#sessions, this.#geometry.text.hiddenSize, this.#type);
    this.#pipeline.bind({ cos, sin, past: cache.feeds(), present: cache.outputs() });
    return this.#pipeline;
  }

  async #truncate(length: number): Promise<void> {
    await this.#queue.idle();
    this.#slots.length = length;
    await this.#cache?.truncate(length);
  }

  /** Runs `count` embedded tokens behind the sequence; gives the arg max after each of the last `wanted`, at least none. */
  async #run(
    embeds: Tensor,
    count: number,
    wanted: number,
    wantLogits: boolean,
  ): Promise<{ readonly greedy: readonly number[]; readonly logits: Float32Array | null }> {
    const outputs: Record<string, null> = {};
    if (wanted > 0) outputs[DECODER.nextToken] = null;
    if (wantLogits) outputs[DECODER.logits] = null;
    const results = await this.#forward(embeds, count, -Math.max(1, wanted), outputs);
    if (wanted === 0) return { greedy: [], logits: null };
    const greedy = Array.from(await required(results, DECODER.nextToken).read(), Number);
    this.#check(greedy);
    const logits = results[DECODER.logits];
    const values = await logits?.read();
    logits?.dispose();
    return { greedy, logits: values instanceof Float32Array ? values : null };
  }

  /** Throws NumericCheckError for an arg max of logits of which none was finite: our kernels give no token of the vocabulary then. */
  #check(ids: readonly number[]): void {
    if (ids.some((id) => id < 0 || id >= this.#geometry.text.vocabSize)) throw notFinite();
  }

  async #forward(
    embeds: Tensor,
    count: number,
    logitsStart: number,
    outputs: Readonly<Record<string, null>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    const cache = this.#requireCache();
    const [cos, sin] = this.#rotary.tensors;
    const total = this.length + count;
    try {
      const results = await this.#sessions.decoder.run(
        {
          [DECODER.inputsEmbeds]: embeds,
          [DECODER.cosCache]: cos,
          [DECODER.sinCache]: sin,
          [DECODER.seqlensK]: this.#runtime.tensor('int32', Int32Array.of(total - 1), [1]),
          [DECODER.totalSequenceLength]: this.#runtime.tensor('int32', Int32Array.of(total), []),
          [DECODER.logitsStart]: this.#runtime.tensor('int64', BigInt64Array.of(BigInt(logitsStart)), [1]),
          ...cache.feeds(),
        },
        { ...outputs, ...cache.outputs() },
      );
      cache.take(results);
      return results;
    } finally {
      embeds.dispose();
    }
  }
}

/** What a model has become whose numbers are none. */
export function notFinite(): NamedError {
  return new NamedError(
    'NumericCheckError',
    "The model's logits are not finite: its numbers have left the range of this device's arithmetic. Convert the checkpoint with dtype q4, " +
      'which computes in 32 bits, or ask about another picture.',
  );
}

function required(results: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = results[name];
  if (tensor === undefined) throw new Error(`a graph returned no ${name}`);
  return tensor;
}
