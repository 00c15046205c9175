/** A run of the decoder as a list of dispatches. Bind groups are made once and kept while their buffers stay the same. */
import type { CommandStream } from '../gpu/command-stream.ts';
import type { DecoderKernels, FusedProducts, TiledProducts } from './decoder-kernels.ts';
import type { KernelContext } from '../context.ts';
import { BindGroupCache } from '../gpu/bind-group-cache.ts';
import type { LoadedDecoder, LoadedLayer } from './loaded-decoder.ts';
import { KEPT_TOKENS, Scratch, type ScratchBuffers } from './decoder-buffers.ts';
import { attentionGrid, partialLength } from '../attention/prefill-attention.ts';
import { combineGrid } from '../attention/kv-split-reduce.ts';
import type { SplitLayer } from '../matmul/split-k-layer.ts';
import type { Dispatch, Step } from '../matmul/select-gemm.ts';
import { paramWords, roundUp } from '../gpu/kernel.ts';
import { ARG_MAX_PARTS } from '../rows/text-rows.ts';

/** Cached tokens are split in multiples of attention's tile. */
const CHUNK_STEP = 64;
/** Of more tokens attention is faster on matrix units, where there are such, than in parts of the cache (docs/log.md). */
const MOST_TOKENS_IN_PARTS = 32;
/** Layers of a prompt that are submitted at once: the device begins while the rest is being recorded. */
const LAYERS_AT_ONCE = 4;
/** Results of attention in parts that there is always room for. */
const KEPT_PARTS = 512;

/** Of a run without products in parts. */
const NO_SUMS = { sums: 0, upSums: 0 } as const;

/** The cache of one sequence, and its rotary tables. */
export interface CacheBuffers {
  /** `[1, numKvHeads, capacity, headDim]` each. */
  readonly layers: readonly { readonly keys: GPUBuffer; readonly values: GPUBuffer }[];
  /** `[capacity, headDim / 2]`. */
  readonly cos: GPUBuffer;
  readonly sin: GPUBuffer;
  readonly capacity: number;
}

/** Where a run's inputs and outputs lie. */
export interface RunBuffers {
  /** `[1, tokens, hidden]`. */
  readonly embeds: GPUBuffer;
  readonly cache: CacheBuffers;
  /** i64 `[1, wanted]`; null: in a buffer of the run's own. */
  readonly token: GPUBuffer | null;
}

/** The lengths of a run. */
export interface RunLengths {
  readonly tokens: number;
  /** Tokens cached before. */
  readonly past: number;
  /** Last tokens that go through the head. */
  readonly wanted: number;
  /** Whether the arg max is wanted. */
  readonly wantToken: boolean;
}

/** Records runs of one decoder. */
export class DecoderRun {
  readonly #parts: KernelContext;
  readonly #stream: CommandStream;
  readonly #loaded: LoadedDecoder;
  readonly #kernels: DecoderKernels;
  readonly #scratch: Scratch;
  readonly #groups: BindGroupCache;
  /** What the bind groups stand on. */
  #bound: { readonly buffers: ScratchBuffers; readonly cache: readonly GPUBuffer[] } | null = null;
  #embedsGroup: { readonly embeds: GPUBuffer; readonly group: GPUBindGroup } | null = null;
  #tokenGroup: { readonly token: GPUBuffer; readonly group: GPUBindGroup } | null = null;

  /** `innerSize`: of the MLP as it is stored. */
  constructor(parts: KernelContext, loaded: LoadedDecoder, kernels: DecoderKernels, innerSize: number) {
    this.#parts = parts;
    this.#stream = parts.stream;
    this.#groups = new BindGroupCache(parts.stream);
    this.#loaded = loaded;
    this.#kernels = kernels;
    const few = kernels.split?.[0];
    this.#scratch = new Scratch(parts.runtime.device, parts.model.text, innerSize, {
      partials: partialLength(kernels.attentionSpec, 1, KEPT_PARTS),
      ...(few?.sums(few.upTo) ?? NO_SUMS),
    });
  }

  /** Records a run behind what is recorded already; gives the buffers of its results, which the next run writes again. */
  record(
    { embeds, cache, token }: RunBuffers,
    lengths: RunLengths,
  ): { readonly logits: GPUBuffer; readonly token: GPUBuffer } {
    const { tokens, past, wanted } = lengths;
    const parts = this.#split(tokens, past + tokens);
    const { attentionSpec, load } = this.#kernels;
    const partials = parts.splits === 1 ? 0 : partialLength(attentionSpec, tokens, parts.splits);
    const split = this.#splitFor(tokens);
    const buffers = this.#scratch.for({ tokens, wanted, partials, ...(split?.sums(tokens) ?? NO_SUMS) });
    this.#rebind(buffers, cache);
    const first = tokens - wanted;
    const params = paramWords({ tokens, past, first, wanted, capacity: cache.capacity, ...parts });
    this.#parts.runtime.device.queue.writeBuffer(this.#scratch.params, 0, params);

    // 1. Embeddings into the residual stream.
    const { compiled, grid } = load(tokens);
    if (this.#embedsGroup?.embeds !== embeds) {
      this.#embedsGroup = { embeds, group: compiled.bind([embeds, buffers.hidden, this.#scratch.params]) };
    }
    this.#stream.dispatch(compiled, this.#embedsGroup.group, grid);
    // 2. Layers.
    const { layers, norm } = this.#loaded;
    const { step, few, many } = this.#kernels;
    layers.forEach((layer, i) => {
      if (tokens > 1 && i > 0 && i % LAYERS_AT_ONCE === 0) this.#stream.submit();
      if (tokens === 1) this.#fusedLayer(step, i, layer, buffers, cache, tokens, parts.splits);
      else if (this.#isFew(tokens)) this.#fusedLayer(few, i, layer, buffers, cache, tokens, parts.splits);
      else if (split === undefined) this.#tiledLayer(many, i, layer, buffers, cache, tokens, parts.splits);
      else {
        const nextNorm = layers[i + 1]?.inputNorm ?? norm; // behind the last layer only the residual stream is wanted
        this.#splitLayer(split, i, layer, nextNorm, buffers, cache, tokens, parts.splits);
      }
    });
    // 3. The head, and the arg max.
    if (wanted > 0) this.#head(buffers, wanted, tokens);
    if (wanted > 0 && lengths.wantToken) this.#argMax(buffers, token ?? buffers.token, wanted);
    return { logits: buffers.logits, token: buffers.token };
  }

  /**
   * To be awaited before a run of many tokens is recorded (null where nothing needs to be). A long prompt's buffers are as large as
   * a picture's in the vision tower, which are freed once it has been computed: awaiting that, they are never there together.
   */
  room(tokens: number): Promise<undefined> | null {
    return tokens > KEPT_TOKENS ? this.#parts.runtime.device.queue.onSubmittedWorkDone() : null;
  }

  /** To be called when a run has been submitted: frees what is too large to be kept for the next. */
  submitted(): void {
    this.#scratch.submitted();
  }

  /** Frees the buffers between kernels. */
  dispose(): void {
    this.#scratch.dispose();
    this.#groups.clear();
  }

  /** The products in parts for so many tokens; undefined where they are few, many, or rows have padding. */
  #splitFor(tokens: number): SplitLayer | undefined {
    return this.#isFew(tokens) ? undefined : this.#kernels.split?.find(({ upTo }) => tokens <= upTo);
  }

  #isFew(tokens: number): boolean {
    return tokens <= this.#kernels.fewTokens;
  }

  /** How the cache is split between workgroups of attention. */
  #split(tokens: number, total: number): { readonly splits: number; readonly chunk: number } {
    const { tuning, model } = this.#parts;
    const { attentionSpec, stepTile, tensorAttention } = this.#kernels;
    if (tensorAttention !== null && tokens > MOST_TOKENS_IN_PARTS) return { chunk: total, splits: 1 };
    let chunk: number;
    if (tokens === 1) {
      chunk = roundUp(Math.ceil(total / tuning.stepParts), stepTile);
    } else {
      const whole = Math.ceil(tokens / attentionSpec.tokens) * model.text.numKvHeads;
      chunk = roundUp(Math.ceil(total / Math.ceil(tuning.attentionWorkgroups / whole)), CHUNK_STEP);
    }
    return { chunk, splits: Math.ceil(total / chunk) };
  }

  #rebind(buffers: ScratchBuffers, cache: CacheBuffers): void {
    const all = [cache.cos, cache.sin, ...cache.layers.flatMap(({ keys, values }) => [keys, values])];
    const bound = this.#bound;
    if (bound?.buffers === buffers && bound.cache.every((buffer, i) => buffer === all[i])) return;
    this.#bound = { buffers, cache: all };
    this.#groups.clear();
    this.#embedsGroup = null;
    this.#tokenGroup = null;
  }

  /** Dispatches a kernel over buffers that stay the same: `name` and the layer tell them from other uses of it. */
  #dispatch(name: string, layer: number, { compiled, grid }: Dispatch, buffers: () => readonly GPUBuffer[]): void {
    this.#groups.dispatch(`${name} ${layer}`, compiled, grid, buffers);
  }

  #fusedLayer(
    products: FusedProducts,
    i: number,
    layer: LoadedLayer,
    { hidden, qkv, attention, inner, partials }: ScratchBuffers,
    cache: CacheBuffers,
    tokens: number,
    splits: number,
  ): void {
    const { params } = this.#scratch;
    const product = (name: string, step: Step, buffers: () => readonly GPUBuffer[]): void =>
      this.#dispatch(name, i, step(tokens), () => [...buffers(), params]);
    product('qkv', products.qkv, () => [...layer.qkv.buffers, hidden, qkv, layer.qkvBias, layer.inputNorm]);
    this.#attention(tokens === 1, i, { qkv, attention, partials }, cache, tokens, splits);
    product('output', products.output, () => [...layer.output.buffers, attention, hidden]);
    product('gateUp', products.gateUp, () => [
      ...layer.gate.buffers,
      ...layer.up.buffers,
      hidden,
      inner,
      layer.attentionNorm,
    ]);
    product('down', products.down, () => [...layer.down.buffers, inner, hidden]);
  }

  #tiledLayer(
    products: TiledProducts,
    i: number,
    layer: LoadedLayer,
    { hidden, normed, qkv, attention, inner, partials }: ScratchBuffers,
    cache: CacheBuffers,
    tokens: number,
    splits: number,
  ): void {
    const { params } = this.#scratch;
    const { norm } = this.#kernels;
    const product = (name: string, step: Step, buffers: () => readonly GPUBuffer[]): void =>
      this.#dispatch(name, i, step(tokens), () => [...buffers(), params]);
    const normalise = (name: string, gamma: GPUBuffer): void =>
      this.#dispatch(name, i, norm(tokens), () => [hidden, gamma, normed]);
    normalise('inputNorm', layer.inputNorm);
    product('qkv', products.qkv, () => [...layer.qkv.buffers, normed, qkv, layer.qkvBias]);
    this.#attention(false, i, { qkv, attention, partials }, cache, tokens, splits);
    product('output', products.output, () => [...layer.output.buffers, attention, hidden]);
    normalise('attentionNorm', layer.attentionNorm);
    product('gate', products.gate, () => [...layer.gate.buffers, normed, inner]);
    product('up', products.up, () => [...layer.up.buffers, normed, inner]);
    product('down', products.down, () => [...layer.down.buffers, inner, hidden]);
  }

  #splitLayer(
    kernels: SplitLayer,
    i: number,
    layer: LoadedLayer,
    nextNorm: GPUBuffer,
    { hidden, normed, qkv, attention, inner, partials, sums, upSums }: ScratchBuffers,
    cache: CacheBuffers,
    tokens: number,
    splits: number,
  ): void {
    const { params } = this.#scratch;
    const run = (name: string, step: Step, buffers: () => readonly GPUBuffer[]): void =>
      this.#dispatch(name, i, step(tokens), () => [...buffers(), params]);
    if (i === 0) run('firstNorm', kernels.firstNorm, () => [hidden, layer.inputNorm, normed]);
    run('qkv', kernels.qkv, () => [...layer.qkv.buffers, normed, sums]);
    run('bias', kernels.bias, () => [sums, layer.qkvBias, qkv]);
    this.#attention(false, i, { qkv, attention, partials }, cache, tokens, splits);
    run('output', kernels.output, () => [...layer.output.buffers, attention, sums]);
    run('attentionNorm', kernels.attentionNorm, () => [sums, hidden, layer.attentionNorm, normed]);
    run('gate', kernels.gate, () => [...layer.gate.buffers, normed, sums]);
    run('up', kernels.up, () => [...layer.up.buffers, normed, upSums]);
    run('gated', kernels.gated, () => [sums, upSums, inner]);
    run('down', kernels.down, () => [...layer.down.buffers, inner, sums]);
    run('nextNorm', kernels.nextNorm, () => [sums, hidden, nextNorm, normed]);
  }

  #attention(
    step: boolean,
    i: number,
    { qkv, attention, partials }: Pick<ScratchBuffers, 'qkv' | 'attention' | 'partials'>,
    { layers, cos, sin }: CacheBuffers,
    tokens: number,
    splits: number,
  ): void {
    const { params } = this.#scratch;
    const { cache, stepAttention, attention: wide, tensorAttention, attentionSpec, combine } = this.#kernels;
    const { keys, values } = layers[i] ?? {};
    if (keys === undefined || values === undefined) throw new RangeError(`layer ${i} has no cache`);
    const inputs = [qkv, cos, sin, keys, values];
    if (!step) this.#dispatch('cache', i, cache(tokens), () => [...inputs, params]);
    if (!step && splits === 1 && tensorAttention !== null) {
      return this.#dispatch('attention', i, tensorAttention(tokens), () => [...inputs, attention, params]);
    }
    const grid = attentionGrid(step ? { ...attentionSpec, tokens: 1 } : attentionSpec, tokens, splits);
    this.#dispatch('attention', i, { compiled: step ? stepAttention : wide, grid }, () => [
      ...inputs,
      attention,
      partials,
      params,
    ]);
    if (splits === 1) return;
    const parts = { compiled: combine, grid: combineGrid(attentionSpec, tokens) };
    this.#dispatch('combine', 0, parts, () => [partials, attention, params]);
  }

  #head({ hidden, normed, logits }: ScratchBuffers, wanted: number, tokens: number): void {
    const { head, norm: gamma } = this.#loaded;
    const { step, few, many, norm } = this.#kernels;
    const { params } = this.#scratch;
    const fused = wanted === 1 ? step.head : few.head;
    if (wanted === 1 || this.#isFew(wanted)) {
      return this.#dispatch('head', 0, fused(wanted), () => [...head.buffers, hidden, logits, gamma, params]);
    }
    this.#dispatch('norm', 0, norm(tokens), () => [hidden, gamma, normed]);
    this.#dispatch('head', 0, many.head(wanted), () => [...head.buffers, normed, logits, params]);
  }

  #argMax({ logits, candidates }: ScratchBuffers, token: GPUBuffer, wanted: number): void {
    const { argMaxParts, argMax } = this.#kernels;
    this.#dispatch('argMaxParts', 0, { compiled: argMaxParts, grid: [ARG_MAX_PARTS, wanted] }, () => [
      logits,
      candidates,
    ]);
    if (this.#tokenGroup?.token !== token) {
      this.#tokenGroup = { token, group: argMax.bind([candidates, logits, token]) };
    }
    this.#stream.dispatch(argMax, this.#tokenGroup.group, [wanted]);
  }
}
