/** Records runs of the vision tower: uploads an image and dispatches the plan block by block. */
import type { KernelContext } from '../context.ts';
import { BindGroupCache } from '../gpu/bind-group-cache.ts';
import { paramWords } from '../gpu/kernel.ts';
import { type BuffersOf, type PassSizes, runSteps } from '../gpu/pass.ts';
import { imageSpans, type Spans } from './attention-spans.ts';
import type { LoadedVision, VisionFormats } from './loaded-vision.ts';
import { type VisionBuffers, VisionScratch } from './vision-buffers.ts';
import type { VisionKernels } from './vision-kernels.ts';
import {
  type BlockOperand,
  blockSteps,
  mergerSteps,
  patchSteps,
  type VisionCount,
  type VisionOperand,
  type VisionStep,
} from './vision-plan.ts';

/** One image as the tower's input. */
export interface VisionInput {
  /** `[height, width, 3]`. */
  readonly pixels: Uint8Array;
  /** `[3, 256]`: the normalised pixel values. */
  readonly normalised: Float32Array;
  readonly patches: number;
  /** Patches per row. */
  readonly columns: number;
  /** `[groups]`: the merge group in image order at each place in window order. */
  readonly windowIndex: Uint32Array<ArrayBuffer>;
  /** `[patches, headDim / 2]`. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly windowSpans: Spans;
}

/** What the bind groups depend on: a change invalidates them. */
interface Bound {
  readonly buffers: VisionBuffers;
  readonly shared: ReadonlyMap<VisionOperand, readonly GPUBuffer[]>;
}

/** Records runs of one vision tower. */
export class VisionRun {
  readonly #context: KernelContext;
  readonly #scratch: VisionScratch;
  readonly #groups: BindGroupCache;
  readonly #weights: ReadonlyMap<VisionOperand, readonly GPUBuffer[]>;
  readonly #blocks: readonly Readonly<Record<BlockOperand, readonly GPUBuffer[]>>[];
  readonly #plan: {
    readonly patches: readonly VisionStep[];
    readonly windowBlock: readonly VisionStep[];
    readonly fullBlock: readonly VisionStep[];
    readonly merger: readonly VisionStep[];
  };
  /** Most queries per span. */
  readonly queries: number;
  #bound: Bound | null = null;

  constructor(context: KernelContext, loaded: LoadedVision, kernels: VisionKernels, formats: VisionFormats) {
    this.#context = context;
    this.#groups = new BindGroupCache(context.stream);
    this.#scratch = new VisionScratch(context.device, {
      vision: context.model.vision,
      intermediateSize: formats.block.gate.rows,
      isPacked: kernels.attention.isPacked,
    });
    this.queries = kernels.attention.queries;
    this.#plan = {
      patches: patchSteps(kernels),
      windowBlock: blockSteps(kernels, false),
      fullBlock: blockSteps(kernels, true),
      merger: mergerSteps(kernels),
    };
    const { patchEmbed, mergerNorm, mergerIntermediate, mergerOutput } = loaded;
    this.#weights = new Map<VisionOperand, readonly GPUBuffer[]>([
      ['patchEmbed', patchEmbed.buffers],
      ['mergerNorm', [mergerNorm]],
      ['mergerIntermediate', mergerIntermediate.buffers],
      ['mergerIntermediateBias', [mergerIntermediate.bias]],
      ['mergerOutput', mergerOutput.buffers],
      ['mergerOutputBias', [mergerOutput.bias]],
    ]);
    this.#blocks = loaded.blocks.map((block) => ({
      'layer.attentionNorm': [block.attentionNorm],
      'layer.mlpNorm': [block.mlpNorm],
      'layer.qkv': block.qkv.buffers,
      'layer.qkvBias': [block.qkv.bias],
      'layer.output': block.output.buffers,
      'layer.outputBias': [block.output.bias],
      'layer.gate': block.gate.buffers,
      'layer.gateBias': [block.gate.bias],
      'layer.up': block.up.buffers,
      'layer.upBias': [block.up.bias],
      'layer.down': block.down.buffers,
      'layer.downBias': [block.down.bias],
    }));
  }

  /** Uploads an image and records its run, which writes `features` `[groups, out]` in the activations' type. */
  record(image: VisionInput, features: GPUBuffer): void {
    const { patches } = image;
    const { spatialMergeSize, fullAttentionBlocks } = this.#context.model.vision;
    const groups = patches / spatialMergeSize ** 2;
    const { buffers, shared } = this.#bind(patches);
    const whole = imageSpans(patches, this.queries);
    this.#upload(image, whole, groups, buffers);
    const sizes: PassSizes<VisionCount> = {
      patches,
      groups,
      windowSpans: image.windowSpans.length / 4,
      imageSpans: whole.length / 4,
      splits: 1,
    };
    const run = (steps: readonly VisionStep[], layer: number): void => {
      const own = this.#blocks[layer];
      const buffersOf: BuffersOf<VisionOperand> = (operand) => {
        if (operand === 'features') return [features];
        const found = shared.get(operand) ?? own?.[operand as BlockOperand];
        if (found === undefined) throw new RangeError(`block ${layer} has no ${operand}`);
        return found;
      };
      runSteps(this.#groups, steps, sizes, { layer, buffersOf });
    };
    run(this.#plan.patches, 0);
    for (let layer = 0; layer < this.#blocks.length; layer++) {
      run(fullAttentionBlocks.includes(layer) ? this.#plan.fullBlock : this.#plan.windowBlock, layer);
    }
    run(this.#plan.merger, 0);
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

  /** The buffers for an image; clears all bind groups if any buffer has changed. */
  #bind(patches: number): Bound {
    const buffers = this.#scratch.for(patches);
    if (this.#bound?.buffers === buffers) return this.#bound;
    this.#groups.clear();
    const { patchParams, groupParams } = this.#scratch;
    const single = Object.entries({ ...buffers, patchParams, groupParams }) as [VisionOperand, GPUBuffer][];
    return (this.#bound = {
      buffers,
      shared: new Map([...this.#weights, ...single.map(([name, buffer]) => [name, [buffer]] as const)]),
    });
  }

  #upload(image: VisionInput, whole: Spans, groups: number, buffers: VisionBuffers): void {
    const { queue } = this.#context.device;
    const { patches, columns } = image;
    const counting = (tokens: number): Uint32Array<ArrayBuffer> => paramWords({ tokens, columns });
    queue.writeBuffer(this.#scratch.patchParams, 0, counting(patches));
    queue.writeBuffer(this.#scratch.groupParams, 0, counting(groups));
    queue.writeBuffer(buffers.pixels, 0, image.pixels);
    queue.writeBuffer(buffers.normalised, 0, image.normalised);
    queue.writeBuffer(buffers.windowIndex, 0, image.windowIndex);
    queue.writeBuffer(buffers.cos, 0, image.cos);
    queue.writeBuffer(buffers.sin, 0, image.sin);
    queue.writeBuffer(buffers.windowSpans, 0, image.windowSpans);
    queue.writeBuffer(buffers.imageSpans, 0, whole);
  }
}
