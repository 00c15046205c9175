/** The buffers between the decoder's kernels. Rows are padded with zeros (rows/row-layout.ts). */
import type { TextConfig } from '../../../model/text-config.ts';
import { PARAM_BYTES, roundUp } from '../gpu/kernel.ts';
import { ARG_MAX_CANDIDATES } from '../rows/text-rows.ts';
import { haveNoPadding, rowBytes } from '../rows/row-layout.ts';

/** The sizes of a run. */
export interface ScratchSize {
  readonly tokens: number;
  /** Tokens that go through the head. */
  readonly logitsRows: number;
  /** f32 numbers of the partial results of KV splits. */
  readonly partials: number;
  /** f32 numbers in the partial sums of split-K, and in those of `up`, which coexist with the gate's. */
  readonly sums: number;
  readonly upPartialSums: number;
}

/** The sizes of partial results. */
type PartialSizes = Pick<ScratchSize, 'partials' | 'sums' | 'upPartialSums'>;

/**
 * f32 rows of tokens. If no row has padding (padding must stay zero), `normed` and `attention` share one buffer, and `qkv` and
 * `intermediate` another: no kernel reads one of a pair while it writes the other.
 */
type RowBuffers = Readonly<
  Record<
    | 'hidden' // the residual stream
    | 'normed'
    | 'qkv' // packed query, key and value
    | 'attention'
    | 'intermediate', // of the MLP
    GPUBuffer
  >
>;

/** Partial results of attention and split-K, and the results of a run; f32 unless noted. */
type ResultBuffers = Readonly<
  Record<
    | 'partials'
    | 'sums'
    | 'upPartialSums'
    | 'logits'
    | 'candidates' // u32, of the arg max
    | 'token', // i64
    GPUBuffer
  >
>;

/** Everything a run needs. */
export type ScratchBuffers = RowBuffers & ResultBuffers;

/** Rows of up to this many tokens are retained; those of a longer run are freed after it: 1,600 tokens of the 7B take 167 MB. */
export const RETAINED_TOKENS = 512;

/** The buffers of one decoder. */
export class Scratch {
  readonly params: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #text: TextConfig;
  readonly #intermediateSize: number;
  #tokens = 0;
  #logitsRows = 0;
  #partialSizes: PartialSizes;
  #rows: RowBuffers | null = null;
  #results: ResultBuffers | null = null;
  #buffers: ScratchBuffers | null = null;

  /** `intermediateSize`: of the MLP as stored; `least`: sizes to allocate up front, because growing invalidates all bind groups. */
  constructor(device: GPUDevice, text: TextConfig, intermediateSize: number, least: PartialSizes) {
    this.#device = device;
    this.#partialSizes = least;
    this.#text = text;
    this.#intermediateSize = intermediateSize;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.params = device.createBuffer({ label: 'params', size: PARAM_BYTES, usage });
  }

  /** Buffers for a run; new objects if they had to grow or had been freed. */
  for({ tokens, logitsRows, ...partial }: ScratchSize): ScratchBuffers {
    if (this.#rows === null || tokens > this.#tokens) {
      this.#freeRows();
      this.#tokens = Math.max(tokens, RETAINED_TOKENS);
      this.#rows = this.#makeRows(this.#tokens);
    }
    const had = this.#partialSizes;
    const grows =
      partial.partials > had.partials || partial.sums > had.sums || partial.upPartialSums > had.upPartialSums;
    if (this.#results === null || logitsRows > this.#logitsRows || grows) {
      this.#freeResults();
      this.#logitsRows = Math.max(logitsRows, this.#logitsRows, 1);
      this.#partialSizes = {
        // The need grows with every cached token, so the buffer grows by half at a time.
        partials: partial.partials > had.partials ? Math.ceil(partial.partials * 1.5) : had.partials,
        sums: Math.max(partial.sums, had.sums),
        upPartialSums: Math.max(partial.upPartialSums, had.upPartialSums),
      };
      this.#results = this.#makeResults(this.#logitsRows);
    }
    return (this.#buffers ??= { ...this.#rows, ...this.#results });
  }

  /** Call after submitting a run: frees rows that are too large to retain. Results stay. */
  submitted(): void {
    if (this.#tokens > RETAINED_TOKENS) this.#freeRows();
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
    const isShared = haveNoPadding([hiddenSize, qkvWidth, attentionWidth, this.#intermediateSize]);
    const narrow = rowBytes(tokens, Math.max(hiddenSize, attentionWidth));
    const wide = rowBytes(tokens, Math.max(qkvWidth, this.#intermediateSize));
    const normed = this.#make('normed', narrow);
    const qkv = this.#make('qkv', wide);
    return {
      hidden: this.#make('hidden', rowBytes(tokens, hiddenSize)),
      normed,
      qkv,
      attention: isShared ? normed : this.#make('attention', narrow),
      intermediate: isShared ? qkv : this.#make('intermediate', wide),
    };
  }

  #makeResults(logitsRows: number): ResultBuffers {
    const { partials, sums, upPartialSums } = this.#partialSizes;
    return {
      partials: this.#make('partials', Math.max(16, partials * 4)),
      sums: this.#make('sums', Math.max(16, sums * 4)),
      upPartialSums: this.#make('upPartialSums', Math.max(16, upPartialSums * 4)),
      logits: this.#make('logits', roundUp(logitsRows * this.#text.vocabSize * 4, 16)),
      candidates: this.#make('candidates', logitsRows * ARG_MAX_CANDIDATES * 4),
      token: this.#make('token', roundUp(logitsRows * 8, 16)),
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
