/** The buffers between kernels: made as large as the largest run so far. Rows are padded to a multiple of 32 numbers, with zeros. */
import type { TextGeometry } from '../model/text-geometry.ts';
import { PARAM_BYTES, roundUp } from './wgsl/kernel.ts';
import { ARG_MAX_PARTS } from './wgsl/rowwise.ts';

/** What a run needs room for. */
export interface ScratchSize {
  readonly tokens: number;
  /** Tokens that go through the head. */
  readonly wanted: number;
  /** f32 numbers of attention computed in parts. */
  readonly partials: number;
}

/** Bytes of rows of f32, each padded to a multiple of 32. */
export function rowBytes(rows: number, width: number): number {
  return rows * roundUp(width, 32) * 4;
}

/** Whether rows of these widths can lie in one buffer, one after the other in time. */
export function haveNoPadding(widths: readonly number[]): boolean {
  return widths.every((width) => width % 32 === 0);
}

/**
 * f32 unless said otherwise. One buffer is `normed` and `attention`, another `qkv` and `inner`, where no row has padding, which
 * must stay zero: a kernel never reads the one and writes the other.
 */
export type ScratchBuffers = Readonly<
  Record<
    | 'hidden' // the residual stream
    | 'normed'
    | 'qkv' // packed query, key and value
    | 'attention'
    | 'inner' // inside the MLP
    | 'partials'
    | 'logits'
    | 'candidates' // u32, of the arg max
    | 'token', // i64
    GPUBuffer
  >
>;

/** The buffers of one decoder. */
export class Scratch {
  readonly params: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #text: TextGeometry;
  readonly #innerSize: number;
  #size: ScratchSize = { tokens: 0, wanted: 0, partials: 0 };
  #buffers: ScratchBuffers | null = null;

  constructor(device: GPUDevice, text: TextGeometry, innerSize: number) {
    this.#device = device;
    this.#text = text;
    this.#innerSize = innerSize;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.params = device.createBuffer({ label: 'params', size: PARAM_BYTES, usage });
  }

  /** The buffers for a run; other objects than before where they had to grow. */
  for(size: ScratchSize): ScratchBuffers {
    const { tokens, wanted, partials } = this.#size;
    if (this.#buffers !== null && size.tokens <= tokens && size.wanted <= wanted && size.partials <= partials) {
      return this.#buffers;
    }
    this.#free();
    this.#size = {
      tokens: Math.max(size.tokens, tokens),
      wanted: Math.max(size.wanted, wanted, 1),
      // Grows with every token that is cached: by half at a time.
      partials: size.partials > partials ? Math.ceil(size.partials * 1.5) : partials,
    };
    return (this.#buffers = this.#make(this.#size));
  }

  /** Frees all of them. */
  dispose(): void {
    this.#free();
    this.params.destroy();
  }

  #make({ tokens, wanted, partials }: ScratchSize): ScratchBuffers {
    const { hiddenSize, numHeads, numKvHeads, headDim, vocabSize } = this.#text;
    const qkvWidth = (numHeads + 2 * numKvHeads) * headDim;
    const attentionWidth = numHeads * headDim;
    const isShared = haveNoPadding([hiddenSize, qkvWidth, attentionWidth, this.#innerSize]);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
    const make = (label: keyof ScratchBuffers, size: number): GPUBuffer =>
      this.#device.createBuffer({ label, size, usage });
    const narrow = rowBytes(tokens, Math.max(hiddenSize, attentionWidth));
    const wide = rowBytes(tokens, Math.max(qkvWidth, this.#innerSize));
    const normed = make('normed', narrow);
    const qkv = make('qkv', wide);
    return {
      hidden: make('hidden', rowBytes(tokens, hiddenSize)),
      normed,
      qkv,
      attention: isShared ? normed : make('attention', narrow),
      inner: isShared ? qkv : make('inner', wide),
      partials: make('partials', Math.max(16, partials * 4)),
      logits: make('logits', roundUp(wanted * vocabSize * 4, 16)),
      candidates: make('candidates', wanted * ARG_MAX_PARTS * 4),
      token: make('token', roundUp(wanted * 8, 16)),
    };
  }

  #free(): void {
    for (const buffer of Object.values(this.#buffers ?? {})) buffer.destroy();
    this.#buffers = null;
  }
}
