/**
 * A folder's settings in the form that transformers.js reads.
 * Source: @huggingface/transformers 4.3 src/configs.js, src/models/qwen2_vl/.
 */
import type { QwenConfig } from './config.ts';
import { isObject, type JsonObject } from '../../shared/json.ts';

/** config.json with the language model's settings nested, from one of any age. */
export function transformersJsConfig(original: JsonObject, { text, vision, tokens }: QwenConfig): JsonObject {
  const nested = isObject(original['text_config']) ? original['text_config'] : {};
  return {
    ...original,
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    image_token_id: tokens.imageTokenId,
    vision_start_token_id: tokens.visionStartTokenId,
    vision_end_token_id: tokens.visionEndTokenId,
    video_token_id: original['video_token_id'] ?? -1,
    text_config: {
      ...nested,
      model_type: 'qwen2_5_vl_text',
      hidden_size: text.hiddenSize,
      num_hidden_layers: text.numLayers,
      num_attention_heads: text.numHeads,
      num_key_value_heads: text.numKvHeads,
      head_dim: text.headDim,
      vocab_size: text.vocabSize,
    },
    vision_config: {
      ...(isObject(original['vision_config']) ? original['vision_config'] : {}),
      spatial_merge_size: vision.spatialMergeSize,
    },
  };
}

/** preprocessor_config.json with the names of the classes. */
export function transformersJsProcessor(original: JsonObject): JsonObject {
  return { ...original, image_processor_type: 'Qwen2VLImageProcessor', processor_class: 'Qwen2_5_VLProcessor' };
}
