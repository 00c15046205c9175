/** Records runs of the decoder: picks the plan for the number of tokens and dispatches it layer by layer. */
import { partialLength } from '../attention/kv-partials.ts';
import { type KvSplits, selectKvSplits } from '../attention/select.ts';
import type { KernelContext } from '../context.ts';
import { BindGroupCache } from '../gpu/bind-group-cache.ts';
import { paramWords } from '../gpu/kernel.ts';
import { type BuffersOf, type PassSizes, runSteps } from '../gpu/pass.ts';
import { selectRegime } from '../matmul/select.ts';
import type { SplitKLayer } from '../matmul/split-k-layer.ts';
import { RETAINED_TOKENS, Scratch, type ScratchBuffers } from './decoder-buffers.ts';
import type { DecoderKernels } from './decoder-kernels.ts';
import {
  argMaxSteps,
  attentionSteps,
  type DecoderCount,
  type DecoderOperand,
  type DecoderStep,
  embeddingSteps,
  fusedPlan,
  gemmPlan,
  headSteps,
  type LayerOperand,
  type LayerPlan,
  splitKPlan,
} from './decoder-plan.ts';
import type { LoadedDecoder } from './loaded-decoder.ts';

/** Layers of a prompt per submission: the device starts while the rest is being recorded. */
const LAYERS_PER_SUBMIT = 4;
/** KV splits of one token whose partial results always fit. */
const RESERVED_SPLITS = 512;

/** Partial sums of a run without split-K. */
const NO_SUMS = { sums: 0, upPartialSums: 0 } as const;

/** The KV cache and the rotary tables of one sequence. */
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
  /** i64 `[1, logitsRows]`; null: in a buffer owned by the run. */
  readonly token: GPUBuffer | null;
}

/** The lengths of a run. */
export interface RunLengths {
  readonly tokens: number;
  /** Tokens cached before the run. */
  readonly past: number;
  /** Last tokens that go through the head. */
  readonly logitsRows: number;
  /** Whether to compute the arg max of each logits row. */
  readonly wantArgMax: boolean;
}

/** What the bind groups depend on: a change invalidates them. */
interface Bound {
  readonly scratch: ScratchBuffers;
  readonly cache: readonly GPUBuffer[];
  readonly shared: ReadonlyMap<DecoderOperand, readonly GPUBuffer[]>;
  readonly layers: readonly Readonly<Record<LayerOperand, readonly GPUBuffer[]>>[];
}

/** Records runs of one decoder. */
export class DecoderRun {
  readonly #context: KernelContext;
  readonly #loaded: LoadedDecoder;
  readonly #kernels: DecoderKernels;
  readonly #scratch: Scratch;
  readonly #groups: BindGroupCache;
  /** Cached plans, by their distinguishing properties. */
  readonly #plans = new Map<string, LayerPlan>();
  readonly #embeddingSteps: readonly DecoderStep[];
  readonly #argMaxSteps: readonly DecoderStep[];
  #bound: Bound | null = null;

  /** `intermediateSize`: of the MLP as stored. */
  constructor(context: KernelContext, loaded: LoadedDecoder, kernels: DecoderKernels, intermediateSize: number) {
    this.#context = context;
    this.#groups = new BindGroupCache(context.stream);
    this.#loaded = loaded;
    this.#kernels = kernels;
    this.#embeddingSteps = embeddingSteps(kernels);
    this.#argMaxSteps = argMaxSteps(kernels);
    const shortest = kernels.splitK?.[0];
    this.#scratch = new Scratch(context.device, context.model.text, intermediateSize, {
      partials: partialLength(kernels.attention.choice.prefill, 1, RESERVED_SPLITS),
      ...(shortest?.partialSums(shortest.upTo) ?? NO_SUMS),
    });
  }

  /** Records a run after the work recorded so far; returns the buffers of its results, which the next run overwrites. */
  record(
    { embeds, cache, token }: RunBuffers,
    { tokens, past, logitsRows, wantArgMax }: RunLengths,
  ): { readonly logits: GPUBuffer; readonly token: GPUBuffer } {
    const { stream } = this.#context;
    const kernels = this.#kernels;
    // 1. Choose the kernels and allocate buffers.
    const kv = this.#kvSplits(tokens, past + tokens);
    const splitK = this.#splitKFor(tokens);
    const partials = kv.splits === 1 ? 0 : partialLength(kernels.attention.choice.prefill, tokens, kv.splits);
    const scratch = this.#scratch.for({ tokens, logitsRows, partials, ...(splitK?.partialSums(tokens) ?? NO_SUMS) });
    const { shared, layers } = this.#bind(scratch, cache);
    const params = { tokens, past, firstLogitsRow: tokens - logitsRows, logitsRows, capacity: cache.capacity, ...kv };
    this.#context.device.queue.writeBuffer(this.#scratch.params, 0, paramWords(params));
    const buffersOf = (layer: number): BuffersOf<DecoderOperand> => {
      const own = layers[layer];
      return (operand) => {
        if (operand === 'embeds') return [embeds];
        if (operand === 'token') return [token ?? scratch.token];
        const found = shared.get(operand) ?? own?.[operand as LayerOperand];
        if (found === undefined) throw new RangeError(`layer ${layer} has no ${operand}`);
        return found;
      };
    };
    const run = (steps: readonly DecoderStep[], layer: number): void => {
      const sizes: PassSizes<DecoderCount> = { tokens, logitsRows, splits: kv.splits };
      runSteps(this.#groups, steps, sizes, { layer, buffersOf: buffersOf(layer) });
    };
    // 2. Embeddings into the residual stream; layers.
    const plan = this.#plan(tokens, kv.splits, splitK);
    run(this.#embeddingSteps, 0);
    run(plan.before, 0);
    for (let layer = 0; layer < layers.length; layer++) {
      if (tokens > 1 && layer > 0 && layer % LAYERS_PER_SUBMIT === 0) stream.submit();
      run(plan.layer, layer);
    }
    // 3. The head, and the arg max.
    if (logitsRows > 0) run(headSteps(kernels, logitsRows), 0);
    if (logitsRows > 0 && wantArgMax) run(this.#argMaxSteps, 0);
    return { logits: scratch.logits, token: scratch.token };
  }

  /**
   * Await this before recording a run of many tokens; null if there is nothing to await. A long prompt's buffers are as large
   * as the vision tower's, which are freed once the image is encoded: after this wait the two never coexist.
   */
  freeCapacity(tokens: number): Promise<undefined> | null {
    return tokens > RETAINED_TOKENS ? this.#context.device.queue.onSubmittedWorkDone() : null;
  }

  /** Call after submitting a run: frees buffers that are too large to retain. */
  submitted(): void {
    this.#scratch.submitted();
  }

  /** Frees the buffers between kernels. */
  dispose(): void {
    this.#scratch.dispose();
    this.#groups.clear();
  }

  #plan(tokens: number, splits: number, splitK: SplitKLayer | null): LayerPlan {
    const { gemv, skinny, gemm, norm, attention: kernels } = this.#kernels;
    const way =
      tokens === 1 ? 'decode' : splits === 1 && kernels.subgroupMatrix !== null ? 'subgroupMatrix' : 'prefill';
    const regime = this.#regime(tokens);
    const key = `${regime} ${splitK?.upTo ?? ''} ${way} ${splits > 1}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const attention = attentionSteps(kernels, way, splits > 1);
    const fused = regime === 'gemv' ? gemv : regime === 'skinny' ? skinny : null;
    const plan =
      fused !== null
        ? fusedPlan(fused, attention)
        : splitK !== null
          ? splitKPlan(splitK, attention)
          : gemmPlan(gemm, norm, attention);
    this.#plans.set(key, plan);
    return plan;
  }

  #regime(tokens: number): ReturnType<typeof selectRegime> {
    const { skinnyTokens, splitK } = this.#kernels;
    return selectRegime(tokens, { skinnyTokens, canSplit: splitK !== null });
  }

  /** The split-K kernels for `tokens`; null in another regime. */
  #splitKFor(tokens: number): SplitKLayer | null {
    if (this.#regime(tokens) !== 'splitK') return null;
    return this.#kernels.splitK?.find(({ upTo }) => tokens <= upTo) ?? null;
  }

  #kvSplits(tokens: number, total: number): KvSplits {
    const { choice, subgroupMatrix } = this.#kernels.attention;
    const attention = { ...choice, hasSubgroupMatrices: subgroupMatrix !== null };
    return selectKvSplits({ tokens, total }, attention, this.#context.tuning);
  }

  /** The operands' buffers; clears all bind groups if any buffer has changed. */
  #bind(scratch: ScratchBuffers, cache: CacheBuffers): Bound {
    const all = [cache.cos, cache.sin, ...cache.layers.flatMap(({ keys, values }) => [keys, values])];
    const bound = this.#bound;
    if (bound?.scratch === scratch && bound.cache.every((buffer, i) => buffer === all[i])) return bound;
    this.#groups.clear();
    const { layers, norm, head } = this.#loaded;
    const { partials: kvPartials, hidden, normed, qkv, attention, intermediate, sums, upPartialSums } = scratch;
    const { logits, candidates } = scratch;
    const { cos, sin } = cache;
    const own = { hidden, normed, qkv, attention, intermediate, kvPartials, sums, upPartialSums, logits, candidates };
    const single = Object.entries({ ...own, cos, sin, norm, params: this.#scratch.params });
    const shared = new Map<string, readonly GPUBuffer[]>(single.map(([name, buffer]) => [name, [buffer]]));
    shared.set('head', head.buffers);
    return (this.#bound = {
      scratch,
      cache: all,
      shared: shared as ReadonlyMap<DecoderOperand, readonly GPUBuffer[]>,
      layers: layers.map((layer, i) => {
        const { keys, values } = cache.layers[i] ?? {};
        if (keys === undefined || values === undefined) throw new RangeError(`layer ${i} has no cache`);
        return {
          'layer.inputNorm': [layer.inputNorm],
          'layer.qkv': layer.qkv.buffers,
          'layer.qkvBias': [layer.qkvBias],
          'layer.keys': [keys],
          'layer.values': [values],
          'layer.output': layer.output.buffers,
          'layer.attentionNorm': [layer.attentionNorm],
          'layer.gate': layer.gate.buffers,
          'layer.up': layer.up.buffers,
          'layer.down': layer.down.buffers,
          'layer.nextNorm': [layers[i + 1]?.inputNorm ?? norm], // after the last layer only hidden is needed
        };
      }),
    });
  }
}
