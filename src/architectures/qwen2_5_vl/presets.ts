/**
 * Presets: sizes of Qwen2.5-VL models for speed measurements without their weights, because random weights of the same sizes
 * take the same time. Field names are those of config.json.
 */
import type { Preset } from '../architecture.ts';

/** The vision tower of every Qwen2.5-VL. Source: config.json of Qwen/Qwen2.5-VL-3B-Instruct and -7B-Instruct. */
const QWEN_VISION = {
  depth: 32,
  hidden_size: 1280,
  intermediate_size: 3420,
  num_heads: 16,
  patch_size: 14,
  spatial_merge_size: 2,
  temporal_patch_size: 2,
  window_size: 112,
  fullatt_block_indexes: [7, 15, 23, 31],
};

/** What all Qwen2.5-VL language models share. */
const QWEN_TEXT = {
  model_type: 'qwen2_5_vl',
  hidden_act: 'silu',
  max_position_embeddings: 128_000,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  rope_scaling: { type: 'mrope', mrope_section: [16, 24, 24] },
};

/** preprocessor_config.json of Qwen/Qwen2.5-VL-7B-Instruct, with the names of transformers.js' classes. */
const PROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  processor_class: 'Qwen2_5_VLProcessor',
  do_convert_rgb: true,
  do_resize: true,
  do_rescale: true,
  do_normalize: true,
  rescale_factor: 1 / 255,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
  resample: 3,
  patch_size: 14,
  merge_size: 2,
  temporal_patch_size: 2,
  min_pixels: 3136,
  max_pixels: 12_845_056,
};

/** The models by name. */
export const PRESETS = {
  /** Source: config.json of Qwen/Qwen2.5-VL-3B-Instruct. */
  '3b': {
    name: 'Qwen2.5-VL-3B preset',
    config: {
      ...QWEN_TEXT,
      hidden_size: 2048,
      intermediate_size: 11_008,
      num_hidden_layers: 36,
      num_attention_heads: 16,
      num_key_value_heads: 2,
      vocab_size: 151_936,
      tie_word_embeddings: true,
      vision_config: { ...QWEN_VISION, out_hidden_size: 2048 },
    },
    processor: PROCESSOR,
  },
  /** Source: config.json of Senqiao/VisionThink-Efficient. */
  '7b': {
    name: 'VisionThink-7B preset',
    config: {
      ...QWEN_TEXT,
      hidden_size: 3584,
      intermediate_size: 18_944,
      num_hidden_layers: 28,
      num_attention_heads: 28,
      num_key_value_heads: 4,
      vocab_size: 152_064,
      tie_word_embeddings: false,
      vision_config: { ...QWEN_VISION, out_hidden_size: 3584 },
    },
    processor: PROCESSOR,
  },
  /** Not a real model: small enough for tests, with every kind of layer. */
  tiny: {
    name: 'tiny preset',
    forTests: true,
    config: {
      ...QWEN_TEXT,
      hidden_size: 128,
      intermediate_size: 256,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      num_key_value_heads: 1,
      vocab_size: 2048,
      tie_word_embeddings: true,
      rope_scaling: { type: 'mrope', mrope_section: [8, 12, 12] },
      vision_config: {
        ...QWEN_VISION,
        depth: 2,
        hidden_size: 64,
        intermediate_size: 100,
        num_heads: 2,
        out_hidden_size: 128,
        fullatt_block_indexes: [1],
      },
    },
    processor: PROCESSOR,
  },
} as const satisfies Readonly<Record<string, Preset>>;
