/** The sizes of a vision tower. Plain JSON, stored in the manifest. */

/** Epsilon of every RMSNorm in the vision tower: fixed in the reference, not configurable. */
export const VISION_EPSILON = 1e-6;

/** Sizes that every vision tower has, whatever its architecture. */
export interface VisionSizes {
  /** Width of the residual stream. */
  readonly hiddenSize: number;
  readonly numHeads: number;
  /** Width of a head: hiddenSize / numHeads. */
  readonly headDim: number;
  /** Side of a patch, pixels. */
  readonly patchSize: number;
  /** Frames per patch; a still image is repeated. */
  readonly temporalPatchSize: number;
  /** Colour channels. */
  readonly inChannels: number;
  /** Patches along each side of a visual token. */
  readonly spatialMergeSize: number;
  /** Width of a visual token; the language model's hiddenSize. */
  readonly outHiddenSize: number;
}

/** A tower of RMSNorm, SwiGLU and attention that is windowed in most blocks: the kind that our kernels support. */
export interface VisionConfig extends VisionSizes {
  /** Blocks. */
  readonly depth: number;
  /** Intermediate size of the MLP. */
  readonly intermediateSize: number;
  /** Side of an attention window, pixels. */
  readonly windowSize: number;
  /** Blocks with full attention, ascending. */
  readonly fullAttentionBlocks: readonly number[];
}

/** The sizes of a patch. */
export type PatchShape = Pick<VisionSizes, 'patchSize' | 'temporalPatchSize' | 'inChannels'>;

/** Numbers of a patch: channel, frame, row, column; 1176 for Qwen2.5-VL. */
export function patchElements({ patchSize, temporalPatchSize, inChannels }: PatchShape): number {
  return inChannels * temporalPatchSize * patchSize ** 2;
}
