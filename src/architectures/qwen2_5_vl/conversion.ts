/** What converting a Qwen2.5-VL checkpoint takes. */
import type { ConvertibleModel, ModelDefinition, TiedHead } from '../architecture.ts';
import type { QwenConfig } from './config.ts';
import { buildDecoder, buildEmbedTokens } from './graphs/decoder.ts';
import {
  buildTransformersJsDecoder,
  buildTransformersJsEmbedTokens,
  buildTransformersJsVisionEncoder,
} from './graphs/transformers-js.ts';
import { buildVisionEncoder } from './graphs/vision-encoder.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from './image-processor.ts';
import { checkpointTensors, EMBEDDING, LM_HEAD } from './tensors.ts';
import { tokenizerJson } from './tokenizer-json.ts';
import { transformersJsConfig, transformersJsProcessor } from './transformers-js-settings.ts';

/** Makes the definition of a model of other sizes. */
type Define = (config: QwenConfig) => ModelDefinition;

/** `model` of these sizes, ready to be converted. */
export function convertible(model: ModelDefinition, config: QwenConfig, define: Define): ConvertibleModel {
  return {
    ...model,
    checkpoint: checkpointTensors(config),
    ...(config.text.tieWordEmbeddings ? { tiedHead: tiedHead(config, define) } : {}),
    graphs: {
      vision_encoder: (context) => buildVisionEncoder(context, config),
      embed_tokens: (context) => buildEmbedTokens(context, config),
      decoder: (context) => buildDecoder(context, config),
    },
    transformersJs: {
      graphs: {
        vision_encoder: (context) => buildTransformersJsVisionEncoder(context, config),
        embed_tokens: (context) => buildTransformersJsEmbedTokens(context, config),
        decoder: (context) => buildTransformersJsDecoder(context, config),
      },
      config: (original) => transformersJsConfig(original, config),
      processor: transformersJsProcessor,
    },
    tokenizerJson,
    usualMaxPixels: DEFAULT_PROCESSOR_SETTINGS.maxPixels,
  };
}

function tiedHead(config: QwenConfig, define: Define): TiedHead {
  const text = { ...config.text, tieWordEmbeddings: false };
  return { ownNames: [LM_HEAD], embedding: EMBEDDING, untied: () => define({ ...config, text }) };
}
