/** The buffers between kernels. Rows are padded to a multiple of 32 numbers, with zeros. */
import type { TextConfig } from '../../../model/text-config.ts';
import { PARAM_BYTES, roundUp } from '../gpu/kernel.ts';
import { ARG_MAX_PARTS } from '../rows/text-rows.ts';

/** What a run needs room for. */
export interface ScratchSize {
  readonly tokens: number;
  /** Tokens that go through the head. */
  readonly wanted: number;
  /** f32 numbers of attention computed in parts. */
  readonly partials: number;
  /** f32 numbers of a product computed in parts, and of `up`, which is there beside the gate. */
  readonly sums: number;
  readonly upSums: number;
}

/** What comes in parts. */
type PartSizes = Pick<ScratchSize, 'partials' | 'sums' | 'upSums'>;

/** Bytes of rows of f32, each padded to a multiple of 32. */
export function rowBytes(rows: number, width: number): number {
  return rows * roundUp(width, 32) * 4;
}

/** Whether rows of these widths can lie in one buffer, one after the other in time. */
export function haveNoPadding(widths: readonly number[]): boolean {
  return widths.every((width) => width % 32 === 0);
}

/**
 * What rows of tokens go through, in f32. One buffer is `normed` and `attention`, another `qkv` and `inner`, where no row has
 * padding, which must stay zero: a kernel never reads the one and writes the other.
 */
type RowBuffers = Readonly<
  Record<
    | 'hidden' // the residual stream
    | 'normed'
    | 'qkv' // packed query, key and value
    | 'attention'
    | 'inner', // inside the MLP
    GPUBuffer
  >
>;

/** What attention and products in parts and the last tokens of a run go through, and the results; f32 unless said otherwise. */
type ResultBuffers = Readonly<
  Record<
    | 'partials'
    | 'sums'
    | 'upSums'
    | 'logits'
    | 'candidates' // u32, of the arg max
    | 'token', // i64
    GPUBuffer
  >
>;

/** All that a run needs. */
export type ScratchBuffers = RowBuffers & ResultBuffers;

/** Rows for as many tokens are always there; those of a longer run are freed behind it: at the 7B's widths 1,600 take 167 MB. */
export const KEPT_TOKENS = 512;

/** The buffers of one decoder. */
export class Scratch {
  readonly params: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #text: TextConfig;
  readonly #innerSize: number;
  #tokens = 0;
  #wanted = 0;
  #parts: PartSizes;
  #rows: RowBuffers | null = null;
  #results: ResultBuffers | null = null;
  #buffers: ScratchBuffers | null = null;

  /** `innerSize`: of the MLP as it is stored; `least`: what there is always room for, since growing makes all bind groups anew. */
  constructor(device: GPUDevice, text: TextConfig, innerSize: number, least: PartSizes) {
    this.#device = device;
    this.#parts = least;
    this.#text = text;
    this.#innerSize = innerSize;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.params = device.createBuffer({ label: 'params', size: PARAM_BYTES, usage });
  }

  /** Buffers for a run; other objects than before where they had to grow, or had been freed. */
  for({ tokens, wanted, ...parts }: ScratchSize): ScratchBuffers {
    if (this.#rows === null || tokens > this.#tokens) {
      this.#freeRows();
      this.#tokens = Math.max(tokens, KEPT_TOKENS);
      this.#rows = this.#makeRows(this.#tokens);
    }
    const had = this.#parts;
    const grows = parts.partials > had.partials || parts.sums > had.sums || parts.upSums > had.upSums;
    if (this.#results === null || wanted > this.#wanted || grows) {
      this.#freeResults();
      this.#wanted = Math.max(wanted, this.#wanted, 1);
      this.#parts = {
        // Grows with every token that is cached: by half at a time.
        partials: parts.partials > had.partials ? Math.ceil(parts.partials * 1.5) : had.partials,
        sums: Math.max(parts.sums, had.sums),
        upSums: Math.max(parts.upSums, had.upSums),
      };
      this.#results = this.#makeResults(this.#wanted);
    }
    return (this.#buffers ??= { ...this.#rows, ...this.#results });
  }

  /** To be called when a run has been submitted: frees rows that are too many to be kept. Results stay. */
  submitted(): void {
    if (this.#tokens > KEPT_TOKENS) this.#freeRows();
  }

  /** Frees all of them. */
  dispose(): void {
    this.#freeRows();
    this.#freeResults();
    this.params.destroy();
  }

  #makeRows(tokens: number): RowBuffers {
    const { hiddenSize, numHeads, numKvHeads, headDim } = this.#text;
    const qkvWidth = (numHeads + 2 * numKvHeads) * headDim;
    const attentionWidth = numHeads * headDim;
    const isShared = haveNoPadding([hiddenSize, qkvWidth, attentionWidth, this.#innerSize]);
    const narrow = rowBytes(tokens, Math.max(hiddenSize, attentionWidth));
    const wide = rowBytes(tokens, Math.max(qkvWidth, this.#innerSize));
    const normed = this.#make('normed', narrow);
    const qkv = this.#make('qkv', wide);
    return {
      hidden: this.#make('hidden', rowBytes(tokens, hiddenSize)),
      normed,
      qkv,
      attention: isShared ? normed : this.#make('attention', narrow),
      inner: isShared ? qkv : this.#make('inner', wide),
    };
  }

  #makeResults(wanted: number): ResultBuffers {
    const { partials, sums, upSums } = this.#parts;
    return {
      partials: this.#make('partials', Math.max(16, partials * 4)),
      sums: this.#make('sums', Math.max(16, sums * 4)),
      upSums: this.#make('upSums', Math.max(16, upSums * 4)),
      logits: this.#make('logits', roundUp(wanted * this.#text.vocabSize * 4, 16)),
      candidates: this.#make('candidates', wanted * ARG_MAX_PARTS * 4),
      token: this.#make('token', roundUp(wanted * 8, 16)),
    };
  }

  #make(label: keyof ScratchBuffers, size: number): GPUBuffer {
    return this.#device.createBuffer({ label, size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  }

  #freeRows(): void {
    for (const buffer of Object.values(this.#rows ?? {})) buffer.destroy();
    this.#rows = this.#buffers = null;
    this.#tokens = 0;
  }

  #freeResults(): void {
    for (const buffer of Object.values(this.#results ?? {})) buffer.destroy();
    this.#results = this.#buffers = null;
  }
}
