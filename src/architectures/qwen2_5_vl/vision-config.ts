/**
 * The sizes of Qwen2.5-VL's vision tower: their names in config.json, the defaults of transformers, and the limits of this
 * project's image processing and graphs.
 * Source of names and defaults: transformers, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`,
 * `Qwen2_5_VLVisionConfig`.
 */
import { type JsonFields, type NumberRule, readNumbers } from '../../model/json-fields.ts';
import type { VisionConfig } from '../../model/vision-config.ts';

const NUMBERS = {
  depth: { config: 'depth', fallback: 32, min: 1, max: 512 },
  hiddenSize: { config: 'hidden_size', fallback: 3584, min: 1, max: 65536 },
  intermediateSize: { config: 'intermediate_size', fallback: 3420, min: 1, max: 1 << 20 },
  numHeads: { config: 'num_heads', fallback: 16, min: 1, max: 1024 },
  patchSize: { config: 'patch_size', fallback: 14, min: 14, max: 14 },
  temporalPatchSize: { config: 'temporal_patch_size', fallback: 2, min: 2, max: 2 },
  spatialMergeSize: { config: 'spatial_merge_size', fallback: 2, min: 2, max: 2 },
  windowSize: { config: 'window_size', fallback: 112, min: 28, max: 28 * 128 },
  outHiddenSize: { config: 'out_hidden_size', fallback: 3584, min: 1, max: 65536 },
} as const satisfies Readonly<Record<string, NumberRule>>;

const HEAD_DIM: NumberRule = { min: 1, max: 1024 };
const CHANNELS: NumberRule = { fallback: 3, min: 3, max: 3 };
const BLOCK: NumberRule = { min: 0, max: 511 };
/** Base of the tower's rotary angles: fixed in the reference, not configurable. */
export const VISION_ROPE_THETA = 10_000;
const ROPE_THETA: NumberRule = { fallback: VISION_ROPE_THETA, min: VISION_ROPE_THETA, max: VISION_ROPE_THETA };
const QWEN_FULL_ATTENTION = [7, 15, 23, 31];

/**
 * The vision tower's sizes from `vision_config`. `in_chans` is the older spelling of `in_channels`;
 * `spatial_patch_size` and `tokens_per_second` (videos) are not needed.
 * @throws CheckpointError for a size or setting that is missing, absurd or not supported
 */
export function visionFromConfig(vision: JsonFields): VisionConfig {
  vision.oneOf('hidden_act', ['silu']);
  vision.object('rope_parameters')?.number('rope_theta', ROPE_THETA);
  const numbers = readNumbers(vision, NUMBERS, 'config');
  const config = {
    ...numbers,
    headDim: numbers.hiddenSize / numbers.numHeads,
    inChannels: vision.number(vision.get('in_channels') === undefined ? 'in_chans' : 'in_channels', CHANNELS),
    fullAttentionBlocks: vision.numbers('fullatt_block_indexes', BLOCK, QWEN_FULL_ATTENTION),
  };
  return checked(config, vision);
}

/**
 * The vision tower's sizes from a manifest.
 * @throws the fields' own error for a size that is missing, absurd or not supported
 */
export function visionFromManifest(fields: JsonFields): VisionConfig {
  const vision = {
    ...readNumbers(fields, NUMBERS, 'manifest'),
    headDim: fields.number('headDim', HEAD_DIM),
    inChannels: fields.number('inChannels', { min: 3, max: 3 }),
    fullAttentionBlocks: fields.numbers('fullAttentionBlocks', BLOCK),
  };
  return checked(vision, fields);
}

/** Checks the constraints between the sizes. */
function checked(vision: VisionConfig, fields: JsonFields): VisionConfig {
  const { depth, hiddenSize, numHeads, headDim, patchSize, spatialMergeSize, windowSize, fullAttentionBlocks } = vision;
  if (headDim * numHeads !== hiddenSize || !Number.isInteger(headDim)) {
    throw fields.wrong(`has hidden size ${hiddenSize}, not a multiple of its ${numHeads} attention heads`);
  }
  if (headDim % 4 !== 0) {
    throw fields.wrong(`has attention heads of ${headDim}; rotary positions in two directions need a multiple of 4`);
  }
  const tokenSide = patchSize * spatialMergeSize;
  if (windowSize % tokenSide !== 0) {
    throw fields.wrong(`has a window of ${windowSize} px, not a multiple of a visual token's ${tokenSide} px`);
  }
  const late = fullAttentionBlocks.find((block) => block >= depth);
  if (late !== undefined) throw fields.wrong(`lets block ${late} see the whole image, but has only ${depth} blocks`);
  return { ...vision, fullAttentionBlocks: [...new Set(fullAttentionBlocks)].sort((a, b) => a - b) };
}
