/**
 * One sequence of tokens on the device. Runs are only submitted; a step's token stays on the device, where the next step's
 * embedding looks it up, while a copy travels to the host.
 */
import type { ForwardOptions, ForwardResult, PendingToken, Sequence, TokenInput } from '../../../engine/backend.ts';
import type { Span } from '../../../model/span.ts';
import { RotaryRows } from '../../rotary-rows.ts';
import type { KernelContext } from '../context.ts';
import { activationBuffer, activationBytes, writeActivations } from '../gpu/activation-buffer.ts';
import { type Readback, readBuffer } from '../gpu/readback.ts';
import { bufferOf } from '../image-features.ts';
import type { DecoderRun } from './decoder-run.ts';
import { SequenceBuffers } from './sequence-buffers.ts';
import { ID_BYTES, type TokenEmbedding } from './token-embedding.ts';

/** What all sequences of a language model share. */
export interface SequenceContext {
  readonly context: KernelContext;
  readonly embedding: TokenEmbedding;
  readonly run: DecoderRun;
  readonly readback: Readback;
}

/** A sequence with pipelined decode. */
export class WebGpuSequence implements Sequence {
  readonly #shared: SequenceContext;
  readonly #buffers: SequenceBuffers;
  readonly #rows: RotaryRows;
  /** The lookup of a step's token. */
  readonly #lookup: GPUBindGroup;
  #length = 0;

  /** Allocates the cache. */
  constructor(shared: SequenceContext, capacity: number) {
    const { context, embedding } = shared;
    this.#shared = shared;
    this.#buffers = new SequenceBuffers(context, capacity);
    this.#rows = new RotaryRows(context.model.positions, capacity);
    this.#lookup = embedding.bind(this.#buffers.token, this.#buffers.embeds);
  }

  get capacity(): number {
    return this.#buffers.capacity;
  }

  get length(): number {
    return this.#length;
  }

  setLayout(spans: readonly Span[]): void {
    if (this.#rows.fill(spans)) this.#uploadRows();
  }

  async forward(inputs: readonly TokenInput[], { logitsRows, wantLogits }: ForwardOptions): Promise<ForwardResult> {
    if (!this.#rows.areFilled) throw new Error('setLayout() comes before a run');
    const { context, run, readback } = this.#shared;
    const { embeds, tokens } = this.#embed(inputs);
    const past = this.#length;
    let results: { readonly logits: GPUBuffer; readonly token: GPUBuffer };
    try {
      await run.freeCapacity(tokens);
      results = run.record(
        { embeds, cache: this.#buffers.cache, token: null },
        { tokens, past, logitsRows, wantArgMax: logitsRows > 0 },
      );
      context.stream.submit();
      run.submitted();
    } finally {
      embeds.destroy(); // submitted work still completes
    }
    this.#length = past + tokens;
    if (logitsRows === 0) return { greedy: [], logits: null };
    const { device, model } = context;
    const logitsBytes = logitsRows * model.text.vocabSize * Float32Array.BYTES_PER_ELEMENT;
    const [ids, logits] = await Promise.all([
      readback.read(results.token, logitsRows * ID_BYTES),
      wantLogits ? readBuffer(device, results.logits, logitsBytes) : null,
    ]);
    return {
      greedy: Array.from(new BigInt64Array(ids), Number),
      logits: logits === null ? null : new Float32Array(logits),
    };
  }

  /** Submits a greedy decode step, lookup and decoder together; resolves on submission. */
  async decodeAhead(id: number | null): Promise<PendingToken> {
    const { context, embedding, run, readback } = this.#shared;
    const { token, embeds, cache } = this.#buffers;
    // Earlier steps are already submitted, so they read and copy the buffer's old content.
    if (id !== null) context.device.queue.writeBuffer(token, 0, BigInt64Array.of(BigInt(id)));
    embedding.record(this.#lookup);
    const lengths = { tokens: 1, past: this.#length, logitsRows: 1, wantArgMax: true };
    run.record({ embeds, cache, token }, lengths);
    context.stream.submit();
    run.submitted();
    this.#length++;
    return { token: readback.read(token, ID_BYTES).then((bytes) => Number(new BigInt64Array(bytes)[0])) };
  }

  async truncate(length: number): Promise<void> {
    // Slots past the end are never read, and are written before `length` reaches them.
    this.#length = Math.min(this.#length, length);
  }

  async grow(capacity: number): Promise<void> {
    this.#buffers.grow(capacity, this.#length);
    this.#rows.grow(capacity);
    if (this.#rows.areFilled) this.#uploadRows();
  }

  dispose(): void {
    this.#buffers.dispose();
  }

  #uploadRows(): void {
    const { device, model } = this.#shared.context;
    const { cos, sin } = this.#buffers.cache;
    writeActivations(device, cos, this.#rows.cos, model.activations);
    writeActivations(device, sin, this.#rows.sin, model.activations);
  }

  /** Submits the assembly of a run's input `[tokens, hidden]`: text is looked up, rows of features are copied. The caller destroys it. */
  #embed(inputs: readonly TokenInput[]): { readonly embeds: GPUBuffer; readonly tokens: number } {
    const { context, embedding } = this.#shared;
    const { device, stream, model } = context;
    const { activations, text } = model;
    const rowBytes = text.hiddenSize * activationBytes(activations);
    const rows = (label: string, count: number): GPUBuffer =>
      activationBuffer(device, { label, activations, count: count * text.hiddenSize });
    const tokens = inputs.reduce((sum, input) => sum + countOf(input), 0);
    const embeds = rows('embeds', tokens);
    const [only] = inputs;
    if (inputs.length === 1 && only?.kind === 'ids') {
      embedding.submit(only.ids, embeds);
      return { embeds, tokens };
    }
    const made: GPUBuffer[] = [];
    try {
      const parts = inputs.map((input) => {
        if (input.kind === 'features')
          return { from: bufferOf(input.features), first: input.first, count: input.count };
        const from = rows('text embeds', input.ids.length);
        made.push(from);
        embedding.submit(input.ids, from);
        return { from, first: 0, count: input.ids.length };
      });
      stream.submit(); // includes the vision tower that writes the features
      const encoder = device.createCommandEncoder();
      let at = 0;
      for (const { from, first, count } of parts) {
        encoder.copyBufferToBuffer(from, first * rowBytes, embeds, at * rowBytes, count * rowBytes);
        at += count;
      }
      device.queue.submit([encoder.finish()]);
      return { embeds, tokens };
    } catch (thrown) {
      embeds.destroy();
      throw thrown;
    } finally {
      for (const buffer of made) buffer.destroy();
    }
  }
}

function countOf(input: TokenInput): number {
  return input.kind === 'ids' ? input.ids.length : input.count;
}
