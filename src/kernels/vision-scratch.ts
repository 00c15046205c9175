/** The vision tower's buffers: what is uploaded for an image, and what lies between kernels. As large as the largest image so far. */
import type { VisionGeometry } from '../model/vision-geometry.ts';
import { PARAM_BYTES, roundUp } from './wgsl/kernel.ts';

/** f32 unless said otherwise; rows are padded to a multiple of 32 numbers. Some serve twice, where kernels do not overlap. */
export interface VisionBuffers {
  /** Query, key and value; before the first block the pixels as they came, after the last the features. */
  readonly qkv: GPUBuffer;
  /** The residual stream. */
  readonly hidden: GPUBuffer;
  /** Behind a norm. */
  readonly normed: GPUBuffer;
  /** Attention's result; before the first block the patches in window order, after the last the merger's inside. */
  readonly attention: GPUBuffer;
  /** Inside the MLP; before that queries, keys and values in f16, for attention on matrix units. */
  readonly inner: GPUBuffer;
  /** `[patches, headDim / 2]`. */
  readonly cos: GPUBuffer;
  readonly sin: GPUBuffer;
  /** u32 `[groups]`. */
  readonly windowIndex: GPUBuffer;
  /** u32, four a span. */
  readonly windowSpans: GPUBuffer;
  readonly imageSpans: GPUBuffer;
}

/** Buffers for more patches than this are not kept after a run: those of a large image take hundreds of MB. */
const KEPT_PATCHES = 2048;

/** The buffers of one vision tower. */
export class VisionScratch {
  /** Counting patches, and merge groups. */
  readonly patchParams: GPUBuffer;
  readonly groupParams: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #vision: VisionGeometry;
  readonly #patchElements: number;
  readonly #innerSize: number;
  #patches = 0;
  #buffers: VisionBuffers | null = null;

  constructor(device: GPUDevice, vision: VisionGeometry, patchElements: number, innerSize: number) {
    this.#device = device;
    this.#vision = vision;
    this.#patchElements = patchElements;
    this.#innerSize = innerSize;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.patchParams = device.createBuffer({ label: 'patch params', size: PARAM_BYTES, usage });
    this.groupParams = device.createBuffer({ label: 'group params', size: PARAM_BYTES, usage });
  }

  /** The buffers for an image; other objects than before where they had to grow. */
  for(patches: number): VisionBuffers {
    if (this.#buffers !== null && patches <= this.#patches) return this.#buffers;
    this.#free();
    this.#patches = patches;
    return (this.#buffers = this.#make(patches));
  }

  /** To be called when a run has been submitted. */
  submitted(): void {
    if (this.#patches > KEPT_PATCHES) this.#free();
  }

  /** Frees all of them. */
  dispose(): void {
    this.#free();
    this.patchParams.destroy();
    this.groupParams.destroy();
  }

  #make(patches: number): VisionBuffers {
    const { hiddenSize, headDim, outHiddenSize, spatialMergeSize } = this.#vision;
    const groups = patches / spatialMergeSize ** 2;
    const rows = (count: number, width: number): number => count * roundUp(width, 32) * 4;
    const make = (label: string, ...bytes: number[]): GPUBuffer =>
      this.#device.createBuffer({
        label: `vision ${label}`,
        size: roundUp(Math.max(...bytes), 16),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
    const merged = groups * hiddenSize * spatialMergeSize ** 2 * 4;
    return {
      qkv: make('qkv', rows(patches, 3 * hiddenSize), rows(patches, this.#patchElements), rows(groups, outHiddenSize)),
      hidden: make('hidden', rows(patches, hiddenSize)),
      normed: make('normed', rows(patches, hiddenSize)),
      attention: make('attention', rows(patches, hiddenSize), rows(patches, this.#patchElements), merged),
      inner: make('inner', rows(patches, this.#innerSize), patches * 3 * hiddenSize * 2),
      cos: make('cos', patches * headDim * 2),
      sin: make('sin', patches * headDim * 2),
      windowIndex: make('window index', groups * 4),
      windowSpans: make('window spans', patches * 16),
      imageSpans: make('image spans', patches * 16),
    };
  }

  #free(): void {
    for (const buffer of Object.values(this.#buffers ?? {}) as GPUBuffer[]) buffer.destroy();
    this.#buffers = null;
    this.#patches = 0;
  }
}
