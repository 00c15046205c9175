/**
 * Greedy steps submitted to the device one behind the other, some before the token they take is known here: a step's token
 * stays on the device, where the next step's embedding looks it up, while a copy of it travels to the host. It knows
 * nothing of what the sequence holds.
 */
import { DECODER, EMBED_TOKENS } from '../model/graph-names.ts';
import type { Runtime, Session, Tensor, TensorType } from '../backends/onnx/runtime.ts';
import { type DeviceQueue, untilStopped } from './device-queue.ts';

/** The sessions the decoder runs. */
export interface DecoderSessions {
  readonly embedTokens: Session;
  readonly decoder: Session;
}

/** What all steps of a pipeline have in common, by the decoder graph's names. */
export interface StepTensors {
  readonly cos: Tensor;
  readonly sin: Tensor;
  readonly past: Readonly<Record<string, Tensor>>;
  readonly present: Readonly<Record<string, Tensor | null>>;
}

/** What a chain of steps goes by. */
export interface ChainOptions {
  readonly signal: AbortSignal;
  /** Steps at most. */
  readonly most: number;
  /** Asked before each step, with the number of steps in flight. At no, what is in flight still comes. */
  readonly goOn: (inFlight: number) => boolean;
}

/** Steps on fixed tensors, of which only the token's place in the sequence changes. */
export class DecodePipeline {
  readonly #runtime: Runtime;
  readonly #sessions: DecoderSessions;
  /** i64 `[1, 1]` on the device: written by every step, read by the next. */
  readonly #token: Tensor;
  /** `[1, 1, hidden]` on the device. */
  readonly #embeds: Tensor;
  readonly #seqlensK = new Int32Array(1);
  readonly #total = new Int32Array(1);
  #runEmbedding: () => Promise<unknown> = notBound;
  #runDecoder: () => Promise<unknown> = notBound;

  constructor(runtime: Runtime, sessions: DecoderSessions, hiddenSize: number, type: TensorType) {
    this.#runtime = runtime;
    this.#sessions = sessions;
    this.#token = runtime.allocate('int64', [1, 1]);
    this.#embeds = runtime.allocate(type, [1, 1, hiddenSize]);
  }

  /** Binds the steps to come to the cache and the rotary tables as they are now. */
  bind({ cos, sin, past, present }: StepTensors): void {
    const { embedTokens, decoder } = this.#sessions;
    this.#runEmbedding = embedTokens.bind(
      { [EMBED_TOKENS.inputIds]: this.#token },
      { [EMBED_TOKENS.inputsEmbeds]: this.#embeds },
    );
    this.#runDecoder = decoder.bind(
      {
        [DECODER.inputsEmbeds]: this.#embeds,
        [DECODER.cosCache]: cos,
        [DECODER.sinCache]: sin,
        [DECODER.seqlensK]: this.#runtime.tensor('int32', this.#seqlensK, [1]),
        [DECODER.totalSequenceLength]: this.#runtime.tensor('int32', this.#total, []),
        [DECODER.logitsStart]: this.#runtime.tensor('int64', BigInt64Array.of(-1n), [1]),
        ...past,
      },
      { [DECODER.nextToken]: this.#token, ...present },
    );
  }

  /**
   * Steps behind a sequence of `length` tokens, the first of which takes `id`; gives their tokens in order, with at most
   * `lookAhead` in flight. Who leaves early leaves these to themselves: the device computes them, and they are forgotten.
   */
  async *run(
    id: number,
    {
      length,
      lookAhead,
      queue,
      signal,
      most,
      goOn,
    }: ChainOptions & {
      readonly length: number;
      readonly lookAhead: number;
      readonly queue: DeviceQueue;
    },
  ): AsyncGenerator<number, void, undefined> {
    const inFlight: Promise<number>[] = [];
    for (let submitted = 0; ;) {
      while (inFlight.length < lookAhead && submitted < most && goOn(inFlight.length)) {
        const first = submitted === 0 ? id : undefined;
        const total = length + ++submitted;
        inFlight.push((await queue.run(signal, () => this.#submit(total, first))).token);
      }
      const oldest = inFlight.shift();
      if (oldest === undefined) return;
      yield await untilStopped(signal, oldest);
    }
  }

  /** Frees device memory; steps already submitted end undisturbed. */
  dispose(): void {
    this.#token.dispose();
    this.#embeds.dispose();
  }

  /**
   * Submits a step after which the cache holds `total` tokens. It takes `id`, or without one the token of the step before,
   * and resolves when it is submitted, to its own token, which may be long in coming.
   */
  async #submit(total: number, id?: number): Promise<{ readonly token: Promise<number> }> {
    if (id === undefined) await this.#runEmbedding();
    else await this.#embed(id);
    this.#seqlensK[0] = total - 1;
    this.#total[0] = total;
    await this.#runDecoder();
    const token = this.#runtime.readLater(this.#token).then((tokens) => Number(tokens[0]));
    token.catch(() => undefined); // nobody may be left to hear of it
    return { token };
  }

  async #embed(id: number): Promise<void> {
    await this.#sessions.embedTokens.run(
      { [EMBED_TOKENS.inputIds]: this.#runtime.tensor('int64', BigInt64Array.of(BigInt(id)), [1, 1]) },
      { [EMBED_TOKENS.inputsEmbeds]: this.#embeds },
    );
  }
}

function notBound(): never {
  throw new Error('bind() comes before run()');
}
