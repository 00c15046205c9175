/**
 * A sequence on a device. Greedy steps can be submitted one after the other before the token they take is known on the
 * host: a step's token stays on the device, where the next step's embedding looks it up, while a copy travels to the host.
 */
import type { PendingToken } from '../../engine/backend.ts';
import { DECODER, EMBED_TOKENS } from '../../onnx/graph-names.ts';
import { activationType } from './activations.ts';
import type { DeviceRuntime, Tensor } from './runtime.ts';
import { OnnxSequence, type TextGraphs } from './sequence.ts';

/** A sequence with pipelined decode. */
export class DeviceSequence extends OnnxSequence {
  readonly #graphs: TextGraphs<DeviceRuntime>;
  #steps: BoundSteps | null = null;

  constructor(graphs: TextGraphs<DeviceRuntime>, capacity: number) {
    super(graphs, capacity);
    this.#graphs = graphs;
  }

  /** Submits a greedy decode step; resolves on submission. */
  async decodeAhead(id: number | null): Promise<PendingToken> {
    this.#steps ??= this.#bind();
    const { token, embeds, seqlensK, totalLength, lookUp, decode } = this.#steps;
    const { runtime, embedTokens } = this.#graphs;
    // 1. Embed the id, or the token that the previous step left on the device.
    if (id === null) await lookUp();
    else {
      const ids = runtime.tensor('int64', BigInt64Array.of(BigInt(id)), [1, 1]);
      await embedTokens.run({ [EMBED_TOKENS.inputIds]: ids }, { [EMBED_TOKENS.inputsEmbeds]: embeds });
    }
    // 2. Decode after the cached tokens, which include the steps in flight.
    const total = this.length + 1;
    seqlensK[0] = total - 1;
    totalLength[0] = total;
    await decode();
    this.countStep();
    // 3. Start copying the token to the host.
    return { token: runtime.readLater(token).then((tokens) => Number(tokens[0])) };
  }

  override async grow(capacity: number): Promise<void> {
    this.#unbind(); // steps are bound to the cache's tensors
    await super.grow(capacity);
  }

  /** Frees device memory; submitted steps still complete. */
  override dispose(): void {
    this.#unbind();
    super.dispose();
  }

  #unbind(): void {
    this.#steps?.token.dispose();
    this.#steps?.embeds.dispose();
    this.#steps = null;
  }

  /** Binds a step to fixed tensors: only the token's position in the sequence changes from step to step. */
  #bind(): BoundSteps {
    const { runtime, embedTokens, decoder, model, activations } = this.#graphs;
    const token = runtime.allocate('int64', [1, 1]);
    const embeds = runtime.allocate(activationType(activations), [1, 1, model.config.text.hiddenSize]);
    const seqlensK = new Int32Array(1);
    const totalLength = new Int32Array(1);
    const lookUp = embedTokens.bind({ [EMBED_TOKENS.inputIds]: token }, { [EMBED_TOKENS.inputsEmbeds]: embeds });
    const decode = decoder.bind(
      {
        [DECODER.inputsEmbeds]: embeds,
        [DECODER.seqlensK]: runtime.tensor('int32', seqlensK, [1]),
        [DECODER.totalSequenceLength]: runtime.tensor('int32', totalLength, []),
        [DECODER.logitsStart]: runtime.tensor('int64', BigInt64Array.of(-1n), [1]),
        ...this.sharedFeeds(),
      },
      { [DECODER.nextToken]: token, ...this.cacheOutputs() },
    );
    return { token, embeds, seqlensK, totalLength, lookUp, decode };
  }
}

/** The tensors that all steps of a sequence share, and the two runs of a step. */
interface BoundSteps {
  /** i64 `[1, 1]` on the device: written by every step, read by the next. */
  readonly token: Tensor;
  /** `[1, 1, hidden]` on the device. */
  readonly embeds: Tensor;
  readonly seqlensK: Int32Array;
  readonly totalLength: Int32Array;
  /** Embeds `token`. */
  readonly lookUp: () => Promise<unknown>;
  readonly decode: () => Promise<unknown>;
}
