/** The vision tower's buffers: an image's inputs and the rows between kernels, sized for the largest image so far. */
import { patchElements, type VisionConfig } from '../../../model/vision-config.ts';
import { PARAM_BYTES, roundUp } from '../gpu/kernel.ts';
import { haveNoPadding, rowBytes } from '../rows/row-layout.ts';

/**
 * f32 unless noted; rows are padded (rows/row-layout.ts). Some share a buffer because they are never live at the same time; more
 * do if no row has padding, because padding must stay zero.
 */
export interface VisionBuffers {
  /** Query, key and value. */
  readonly qkv: GPUBuffer;
  /** u8, the resized image. Shares `qkv`, before the first block. */
  readonly pixels: GPUBuffer;
  /** The merger's output in window order. Shares `qkv`, after the last block. */
  readonly mergedOutput: GPUBuffer;
  /** The residual stream. */
  readonly hidden: GPUBuffer;
  /** Normalised rows. May share `attention`. */
  readonly normed: GPUBuffer;
  /** Attention's result. */
  readonly attention: GPUBuffer;
  /** Patches in window order. Shares `attention`, before the first block. */
  readonly patches: GPUBuffer;
  /** The MLP's intermediate rows; may share `qkv`. */
  readonly intermediate: GPUBuffer;
  /** Queries, keys and values in f16 if attention requires it, else `qkv`. */
  readonly packed: GPUBuffer;
  /** The merger's intermediate rows: shares `hidden` or `attention`. */
  readonly merged: GPUBuffer;
  /** `[patches, headDim / 2]`. */
  readonly cos: GPUBuffer;
  readonly sin: GPUBuffer;
  /** u32 `[groups]`. */
  readonly windowIndex: GPUBuffer;
  /** `[3, 256]`: the normalised pixel values. */
  readonly normalised: GPUBuffer;
  /** u32, four per span. */
  readonly windowSpans: GPUBuffer;
  readonly imageSpans: GPUBuffer;
}

/** What the buffers' sizes depend on. */
export interface VisionSizes {
  readonly vision: VisionConfig;
  /** Of the MLP as stored, possibly padded. */
  readonly intermediateSize: number;
  /** Whether attention requires queries, keys and values packed as f16. */
  readonly isPacked: boolean;
}

/** Buffers for more patches than this are freed after a run: those of a large image take hundreds of MB. */
const RETAINED_PATCHES = 2048;

/** The buffers of one vision tower. */
export class VisionScratch {
  /** Parameters for patches, and for merge groups. */
  readonly patchParams: GPUBuffer;
  readonly groupParams: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #sizes: VisionSizes;
  #patches = 0;
  #buffers: VisionBuffers | null = null;

  constructor(device: GPUDevice, sizes: VisionSizes) {
    this.#device = device;
    this.#sizes = sizes;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    this.patchParams = device.createBuffer({ label: 'patch params', size: PARAM_BYTES, usage });
    this.groupParams = device.createBuffer({ label: 'group params', size: PARAM_BYTES, usage });
  }

  /** The buffers for an image; new objects if they had to grow. */
  for(patches: number): VisionBuffers {
    if (this.#buffers !== null && patches <= this.#patches) return this.#buffers;
    this.#free();
    this.#patches = patches;
    return (this.#buffers = this.#make(patches));
  }

  /** Call after submitting a run. */
  submitted(): void {
    if (this.#patches > RETAINED_PATCHES) this.#free();
  }

  /** Frees all of them. */
  dispose(): void {
    this.#free();
    this.patchParams.destroy();
    this.groupParams.destroy();
  }

  #make(patches: number): VisionBuffers {
    const { vision, intermediateSize, isPacked } = this.#sizes;
    const { hiddenSize, headDim, outHiddenSize, spatialMergeSize, patchSize, inChannels } = vision;
    const groups = patches / spatialMergeSize ** 2;
    const make = (label: string, ...bytes: number[]): GPUBuffer =>
      this.#device.createBuffer({
        label: `vision ${label}`,
        size: roundUp(Math.max(...bytes), 16),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
    const row = rowBytes(patches, hiddenSize);
    const patchRow = rowBytes(patches, patchElements(vision));
    const image = patches * patchSize ** 2 * inChannels; // a byte each
    const intermediateRow = rowBytes(patches, intermediateSize);
    const isShared = haveNoPadding([hiddenSize, intermediateSize]);
    const hidden = make('hidden', row);
    const attention = make('attention', row, patchRow);
    const qkv = make(
      'qkv',
      rowBytes(patches, 3 * hiddenSize),
      image,
      rowBytes(groups, outHiddenSize),
      isShared ? intermediateRow : 0,
    );
    return {
      qkv,
      pixels: qkv,
      mergedOutput: qkv,
      patches: attention,
      hidden,
      normed: isShared ? attention : make('normed', row),
      attention,
      intermediate: isShared ? qkv : make('intermediate', intermediateRow),
      packed: isPacked ? make('packed', patches * 3 * hiddenSize * 2) : qkv,
      merged: isShared ? hidden : attention,
      cos: make('cos', patches * headDim * 2),
      sin: make('sin', patches * headDim * 2),
      windowIndex: make('window index', groups * 4),
      normalised: make('normalised values', 3 * 256 * 4),
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
