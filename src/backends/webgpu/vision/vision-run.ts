/** A run of the vision tower as a list of dispatches: nine a block. */
import type { KernelContext } from '../context.ts';
import { BindGroupCache } from '../gpu/bind-group-cache.ts';
import type { LoadedBlock, LoadedVision, VisionFormats } from './loaded-vision.ts';
import type { Step } from '../matmul/select-gemm.ts';
import type { VisionKernels } from './vision-kernels.ts';
import { type VisionBuffers, VisionScratch } from './vision-buffers.ts';
import { imageSpans, type Spans } from './attention-spans.ts';
import { paramWords } from '../gpu/kernel.ts';

/** An image on its way into the tower. */
export interface VisionInput {
  /** `[height, width, 3]`. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** `[3, 256]`: what a pixel's values become. */
  readonly normalised: Float32Array;
  readonly patches: number;
  /** Of them side by side. */
  readonly columns: number;
  /** `[groups]`: the merge group in image order at each place in window order. */
  readonly windowIndex: Uint32Array<ArrayBuffer>;
  /** `[patches, headDim / 2]`. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly windowSpans: Spans;
}

/** Records runs of one vision tower. */
export class VisionRun {
  readonly #parts: KernelContext;
  readonly #loaded: LoadedVision;
  readonly #kernels: VisionKernels;
  readonly #scratch: VisionScratch;
  readonly #groups: BindGroupCache;
  /** What the bind groups stand on. */
  #bound: VisionBuffers | null = null;

  constructor(parts: KernelContext, loaded: LoadedVision, kernels: VisionKernels, formats: VisionFormats) {
    this.#parts = parts;
    this.#loaded = loaded;
    this.#kernels = kernels;
    this.#groups = new BindGroupCache(parts.stream);
    const { block } = formats;
    const { device } = parts.runtime;
    this.#scratch = new VisionScratch(device, {
      vision: parts.model.vision,
      innerSize: block.gate.rows,
      isPacked: kernels.attention.isPacked,
    });
  }

  /** Most queries of a span. */
  get queries(): number {
    return this.#kernels.attention.queries;
  }

  /** Uploads an image and records its run, which writes `features` `[groups, out]` in the activations' type. */
  record(image: VisionInput, features: GPUBuffer): void {
    const { patches } = image;
    const { spatialMergeSize, fullAttentionBlocks } = this.#parts.model.vision;
    const groups = patches / spatialMergeSize ** 2;
    const buffers = this.#scratch.for(patches);
    if (this.#bound !== buffers) this.#groups.clear();
    this.#bound = buffers;
    const { patchParams, groupParams } = this.#scratch;
    const whole = imageSpans(patches, this.queries);
    this.#upload(image, whole, groups, buffers);
    const { qkv, hidden, normed, attention, merged, windowIndex, normalised } = buffers;
    const kernels = this.#kernels;
    const { patchEmbed, mergerNorm, mergerInner, mergerOutput } = this.#loaded;

    // 1. Patches to vectors, in window order.
    this.#dispatch('patches', kernels.patches, patches, () => [qkv, normalised, windowIndex, attention, patchParams]);
    this.#dispatch('embed', kernels.patchEmbed, patches, () => [...patchEmbed.buffers, attention, hidden, patchParams]);
    // 2. Blocks.
    this.#loaded.blocks.forEach((block, i) => {
      const full = fullAttentionBlocks.includes(i);
      this.#block(i, block, buffers, patches, full, (full ? whole : image.windowSpans).length / 4);
    });
    // 3. Each merge group becomes one feature; back to image order.
    this.#dispatch('merger norm', kernels.mergerNorm, patches, () => [hidden, mergerNorm, normed]);
    this.#dispatch('merger inner', kernels.mergerInner, groups, () => [
      ...mergerInner.buffers,
      normed,
      merged,
      mergerInner.bias,
      groupParams,
    ]);
    this.#dispatch('merger output', kernels.mergerOutput, groups, () => [
      ...mergerOutput.buffers,
      merged,
      qkv,
      mergerOutput.bias,
      groupParams,
    ]);
    const { compiled, grid } = kernels.features(groups);
    const last = compiled.bind([qkv, windowIndex, features, groupParams]);
    this.#parts.stream.dispatch(compiled, last, grid);
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

  #upload(image: VisionInput, whole: Spans, groups: number, buffers: VisionBuffers): void {
    const { queue } = this.#parts.runtime.device;
    const { patches, columns } = image;
    const counting = (tokens: number): Uint32Array<ArrayBuffer> =>
      paramWords({ tokens, past: 0, first: 0, wanted: 0, capacity: 0, splits: 1, chunk: 0, columns });
    queue.writeBuffer(this.#scratch.patchParams, 0, counting(patches));
    queue.writeBuffer(this.#scratch.groupParams, 0, counting(groups));
    queue.writeBuffer(buffers.qkv, 0, image.pixels);
    queue.writeBuffer(buffers.normalised, 0, image.normalised);
    queue.writeBuffer(buffers.windowIndex, 0, image.windowIndex);
    queue.writeBuffer(buffers.cos, 0, image.cos);
    queue.writeBuffer(buffers.sin, 0, image.sin);
    queue.writeBuffer(buffers.windowSpans, 0, image.windowSpans);
    queue.writeBuffer(buffers.imageSpans, 0, whole);
  }

  #block(
    i: number,
    block: LoadedBlock,
    { qkv, packed, hidden, normed, attention, inner, cos, sin, windowSpans, imageSpans: spansOfImage }: VisionBuffers,
    patches: number,
    full: boolean,
    spans: number,
  ): void {
    const kernels = this.#kernels;
    const { patchParams } = this.#scratch;
    const { numHeads } = this.#parts.model.vision;
    const product = (name: 'qkv' | 'output' | 'gate' | 'up' | 'down', x: GPUBuffer, y: GPUBuffer): void =>
      this.#dispatch(`${name} ${i}`, kernels[name], patches, () => [
        ...block[name].buffers,
        x,
        y,
        block[name].bias,
        patchParams,
      ]);
    const normalise = (name: 'attentionNorm' | 'mlpNorm'): void =>
      this.#dispatch(`${name} ${i}`, kernels.norm, patches, () => [hidden, block[name], normed]);

    normalise('attentionNorm');
    product('qkv', normed, qkv);
    const { rotary, isPacked, windows, whole } = kernels.attention;
    this.#dispatch('rotary', rotary, patches, () => [qkv, cos, sin, ...(isPacked ? [packed] : []), patchParams]);
    this.#groups.dispatch('', full ? whole : windows, [spans, numHeads], () => [
      packed,
      full ? spansOfImage : windowSpans,
      attention,
    ]);
    product('output', attention, hidden);
    normalise('mlpNorm');
    product('gate', normed, inner);
    product('up', normed, inner);
    product('down', inner, hidden);
  }

  #dispatch(key: string, step: Step, count: number, buffers: () => readonly GPUBuffer[]): void {
    const { compiled, grid } = step(count);
    this.#groups.dispatch(key, compiled, grid, buffers);
  }
}
