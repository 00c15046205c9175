/** Qwen2.5-VL, and VisionThink, which is trained from it. */
import { CHATML } from '../../model/chat-format.ts';
import type { Architecture, ModelDefinition, TiedHead } from '../architecture.ts';
import { configFromCheckpoint, configFromManifest, type QwenConfig } from './config.ts';
import { buildDecoder, buildEmbedTokens } from './graphs/decoder.ts';
import {
  buildTransformersJsDecoder,
  buildTransformersJsEmbedTokens,
  buildTransformersJsVisionEncoder,
} from './graphs/transformers-js.ts';
import { buildVisionEncoder } from './graphs/vision-encoder.ts';
import { DEFAULT_PROCESSOR_SETTINGS, parseProcessorSettings } from './image-processor.ts';
import { RotaryTable } from './positions.ts';
import { checkpointTensors, EMBEDDING, LM_HEAD } from './tensors.ts';
import { tokenizerJson } from './tokenizer-json.ts';
import { transformersJsConfig, transformersJsProcessor } from './transformers-js-settings.ts';
import { planWindows } from './window-plan.ts';
import { visionInputs } from './vision-inputs.ts';

/** The architecture, as the registry knows it. */
export const QWEN2_5_VL: Architecture = {
  modelType: 'qwen2_5_vl',
  className: 'Qwen2_5_VLForConditionalGeneration',
  examples: 'Qwen2.5-VL and VisionThink',
  fromCheckpoint: (config, generationConfig) => defineQwen(configFromCheckpoint(config, generationConfig)),
  fromManifest: (config) => defineQwen(configFromManifest(config)),
};

/** A model of these sizes. */
export function defineQwen(config: QwenConfig): ModelDefinition {
  const positions = new RotaryTable(config.text);
  return {
    modelType: QWEN2_5_VL.modelType,
    config,
    checkpoint: checkpointTensors(config),
    ...(config.text.tieWordEmbeddings ? { tiedHead: tiedHead(config) } : {}),
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
    parseProcessor: parseProcessorSettings,
    chat: CHATML,
    tokenizerJson,
    positions,
    visionInputs: (grid) => visionInputs(config.vision, grid),
    kernels: {
      text: config.text,
      vision: config.vision,
      positions,
      planWindows: ({ height, width }) => planWindows(config.vision, height, width),
    },
    usualMaxPixels: DEFAULT_PROCESSOR_SETTINGS.maxPixels,
  };
}

function tiedHead(config: QwenConfig): TiedHead {
  const text = { ...config.text, tieWordEmbeddings: false };
  return { ownNames: [LM_HEAD], embedding: EMBEDDING, untied: () => defineQwen({ ...config, text }) };
}
