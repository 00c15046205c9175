/** The buffers of one sequence: its KV cache, its rotary tables, and the token that a pipelined step passes to the next. */
import type { KernelContext } from '../context.ts';
import { activationBuffer } from '../gpu/activation-buffer.ts';
import type { CacheBuffers } from './decoder-run.ts';
import { ID_BYTES } from './token-embedding.ts';

/** Buffers with the lifetime of a sequence. */
export interface SequenceBuffers {
  readonly cache: CacheBuffers;
  /** i64 `[1, 1]`: written by every step, read by the next. */
  readonly token: GPUBuffer;
  /** `[1, 1, hidden]`: the embedding of `token`. */
  readonly embeds: GPUBuffer;
  /** Frees all of them; submitted work still completes. */
  dispose(): void;
}

/** Allocates the buffers of a sequence of `capacity` tokens. */
export function sequenceBuffers({ device, model }: KernelContext, capacity: number): SequenceBuffers {
  const { text, activations } = model;
  const { numLayers, numKvHeads, headDim, hiddenSize } = text;
  const made: GPUBuffer[] = [];
  const rows = (label: string, count: number): GPUBuffer => {
    const buffer = activationBuffer(device, { label, activations, count });
    made.push(buffer);
    return buffer;
  };
  const layers = Array.from({ length: numLayers }, (_, i) => {
    const count = numKvHeads * capacity * headDim;
    return { keys: rows(`keys ${i}`, count), values: rows(`values ${i}`, count) };
  });
  const cos = rows('cos', capacity * (headDim / 2));
  const sin = rows('sin', capacity * (headDim / 2));
  const embeds = rows('step embeds', hiddenSize);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const token = device.createBuffer({ label: 'step token', size: 2 * ID_BYTES, usage });
  made.push(token);
  return {
    cache: { layers, cos, sin, capacity },
    token,
    embeds,
    dispose: () => {
      for (const buffer of made) buffer.destroy();
    },
  };
}
