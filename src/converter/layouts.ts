/**
 * How a model folder is laid out. `visionthink`: for our engine. `transformers.js`: the same, and beside it what upstream
 * transformers.js needs to load the folder unchanged; both sets of graphs read the same data files, which carry upstream's
 * names. Source: @huggingface/transformers 4.3 src/utils/model-loader.js, src/utils/dtypes.js, src/configs.js.
 */
import type { ModelConfig } from '../model/model-config.ts';
import { NamedError } from '../shared/errors.ts';
import { isObject, type JsonObject } from '../shared/json.ts';
import type { Dtype } from './precision.ts';
import type { DataFileName } from './weight-layout.ts';

/** Every layout the converter writes. */
export const LAYOUTS = ['visionthink', 'transformers.js'] as const;

/** One of {@link LAYOUTS}. */
export type Layout = (typeof LAYOUTS)[number];

/** Parses a layout's name. Throws UsageError for any other string. */
export function parseLayout(name: string): Layout {
  const layout = LAYOUTS.find((known) => known === name);
  if (layout === undefined) {
    throw new NamedError('UsageError', `Unknown layout "${name}". Use one of: ${LAYOUTS.join(', ')}.`);
  }
  return layout;
}

/** Upstream's graphs by ours. */
export const STOCK_GRAPHS = {
  vision_encoder: 'vision_encoder',
  embed_tokens: 'embed_tokens',
  decoder: 'decoder_model_merged',
} as const;

/** The folder upstream looks for graphs in. */
export const STOCK_FOLDER = 'onnx/';

/** What upstream appends to a graph's name for a dtype. */
const STOCK_SUFFIX = { fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4', q4f16: '_q4f16' } as const;

/** The file of a upstream graph. */
export function stockGraphFile(graph: keyof typeof STOCK_GRAPHS, dtype: Dtype): string {
  return `${STOCK_FOLDER}${STOCK_GRAPHS[graph]}${STOCK_SUFFIX[dtype]}.onnx`;
}

/** Where a layout puts the data files. */
export function dataFileName(layout: Layout, dtype: Dtype): DataFileName {
  return (graph, serial) => {
    if (
      layout === 'transformers.js' &&
      (graph === 'vision_encoder' || graph === 'embed_tokens' || graph === 'decoder')
    ) {
      return `${stockGraphFile(graph, dtype)}_data${serial === 0 ? '' : `_${serial}`}`;
    }
    return `${graph}.data${serial === 0 ? '' : `.${serial}`}`;
  };
}

/**
 * config.json as upstream reads it: the language model's settings nested, and how many data files each graph has.
 * `dataFiles` are the paths of all data files.
 */
export function stockConfig(
  config: JsonObject,
  geometry: ModelConfig,
  dtype: Dtype,
  dataFiles: Iterable<string>,
): JsonObject {
  const { text, vision, tokens } = geometry;
  const counts = new Map<string, number>();
  for (const path of dataFiles) {
    const graph = /^onnx\/(.*\.onnx)_data(_\d+)?$/.exec(path)?.[1];
    if (graph !== undefined) counts.set(graph, (counts.get(graph) ?? 0) + 1);
  }
  const nested = isObject(config['text_config']) ? config['text_config'] : {};
  return {
    ...config,
    architectures: ['Qwen2_5_VLForConditionalGeneration'],
    model_type: 'qwen2_5_vl',
    image_token_id: tokens.imageTokenId,
    vision_start_token_id: tokens.visionStartTokenId,
    vision_end_token_id: tokens.visionEndTokenId,
    video_token_id: config['video_token_id'] ?? -1,
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
      ...(isObject(config['vision_config']) ? config['vision_config'] : {}),
      spatial_merge_size: vision.spatialMergeSize,
    },
    'transformers.js_config': { dtype, use_external_data_format: Object.fromEntries(counts) },
  };
}

/** preprocessor_config.json as upstream reads it: with the names of its classes. */
export function stockProcessor(processor: JsonObject): JsonObject {
  return { ...processor, image_processor_type: 'Qwen2VLImageProcessor', processor_class: 'Qwen2_5_VLProcessor' };
}
