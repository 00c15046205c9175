/** The buffers of one sequence: its KV cache, its rotary tables, and the token that a pipelined step passes to the next. */
import type { KernelContext } from '../context.ts';
import { activationBuffer, activationBytes } from '../gpu/activation-buffer.ts';
import type { CacheBuffers } from './decoder-run.ts';
import { ID_BYTES } from './token-embedding.ts';

/** Buffers with the lifetime of a sequence. Those of the cache are others after it has grown. */
export class SequenceBuffers {
  /** i64 `[1, 1]`: written by every step, read by the next. */
  readonly token: GPUBuffer;
  /** `[1, 1, hidden]`: the embedding of `token`. */
  readonly embeds: GPUBuffer;
  readonly #context: KernelContext;
  #cache: CacheBuffers;

  /** Allocates them for `capacity` tokens. */
  constructor(context: KernelContext, capacity: number) {
    this.#context = context;
    const { device, model } = context;
    const layers = Array.from({ length: model.text.numLayers }, (_, i) => ({
      keys: this.#heads(`keys ${i}`, capacity),
      values: this.#heads(`values ${i}`, capacity),
    }));
    this.#cache = { layers, ...this.#tables(capacity), capacity };
    this.embeds = this.#rows('step embeds', model.text.hiddenSize);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.token = device.createBuffer({ label: 'step token', size: 2 * ID_BYTES, usage });
  }

  /** The cache, and its rotary tables. */
  get cache(): CacheBuffers {
    return this.#cache;
  }

  /** Tokens they have room for. */
  get capacity(): number {
    return this.#cache.capacity;
  }

  /**
   * Makes room for `capacity` tokens and keeps the first `length` of the cache; the rotary tables are uninitialised. Copies
   * layer by layer and frees each old buffer at once, so that a layer's are all that exist twice.
   */
  grow(capacity: number, length: number): void {
    const { device, stream } = this.#context;
    stream.submit(); // what was recorded before still writes the old buffers
    const grown = (label: string, old: GPUBuffer): GPUBuffer => {
      const buffer = this.#heads(label, capacity);
      const encoder = device.createCommandEncoder();
      this.#copyHeads(encoder, { old, buffer, capacity, length });
      device.queue.submit([encoder.finish()]);
      old.destroy(); // submitted work still completes
      return buffer;
    };
    const { layers, cos, sin } = this.#cache;
    const copied = layers.map(({ keys, values }, i) => ({
      keys: grown(`keys ${i}`, keys),
      values: grown(`values ${i}`, values),
    }));
    cos.destroy();
    sin.destroy();
    this.#cache = { layers: copied, ...this.#tables(capacity), capacity };
  }

  /** Frees all of them; submitted work still completes. */
  dispose(): void {
    const { layers, cos, sin } = this.#cache;
    const cached = layers.flatMap(({ keys, values }) => [keys, values]);
    for (const buffer of [...cached, cos, sin, this.embeds, this.token]) buffer.destroy();
  }

  /** Heads lie one after the other, so each moves to a place of its own. */
  #copyHeads(
    encoder: GPUCommandEncoder,
    { old, buffer, capacity, length }: { old: GPUBuffer; buffer: GPUBuffer; capacity: number; length: number },
  ): void {
    const { text, activations } = this.#context.model;
    const rowBytes = text.headDim * activationBytes(activations);
    if (length === 0) return;
    for (let head = 0; head < text.numKvHeads; head++) {
      const [from, to] = [head * this.capacity * rowBytes, head * capacity * rowBytes];
      encoder.copyBufferToBuffer(old, from, buffer, to, length * rowBytes);
    }
  }

  /** `[1, numKvHeads, capacity, headDim]`. */
  #heads(label: string, capacity: number): GPUBuffer {
    const { numKvHeads, headDim } = this.#context.model.text;
    return this.#rows(label, numKvHeads * capacity * headDim);
  }

  #tables(capacity: number): Pick<CacheBuffers, 'cos' | 'sin'> {
    const count = capacity * (this.#context.model.text.headDim / 2);
    return { cos: this.#rows('cos', count), sin: this.#rows('sin', count) };
  }

  #rows(label: string, count: number): GPUBuffer {
    const { device, model } = this.#context;
    return activationBuffer(device, { label, activations: model.activations, count });
  }
}
