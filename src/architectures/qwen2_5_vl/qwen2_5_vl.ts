/** Qwen2.5-VL, and VisionThink, which is trained from it. */
import type { Architecture, ModelDefinition } from '../architecture.ts';
import { CHATML } from './chat.ts';
import { configFromCheckpoint, configFromManifest, type QwenConfig } from './config.ts';
import { parseProcessorSettings } from './image-processor.ts';
import { RotaryTable } from './positions.ts';
import { PRESETS } from './presets.ts';
import { visionInputs } from './vision-inputs.ts';
import { planWindows } from './window-plan.ts';

/** The architecture, as the registry knows it. */
export const QWEN2_5_VL: Architecture = {
  modelType: 'qwen2_5_vl',
  className: 'Qwen2_5_VLForConditionalGeneration',
  examples: 'Qwen2.5-VL and VisionThink',
  fromCheckpoint: (config, generationConfig) => defineQwen(configFromCheckpoint(config, generationConfig)),
  fromManifest: (config) => defineQwen(configFromManifest(config)),
  presets: PRESETS,
};

/** A model of these sizes. */
export function defineQwen(config: QwenConfig): ModelDefinition {
  const { text, vision } = config;
  const positions = new RotaryTable(text);
  const model: ModelDefinition = {
    modelType: QWEN2_5_VL.modelType,
    config,
    parseProcessor: parseProcessorSettings,
    chat: CHATML,
    positions,
    visionInputs: (grid) => visionInputs(vision, grid),
    kernels: { text, vision, positions, planWindows: ({ height, width }) => planWindows(vision, height, width) },
    conversion: async () => (await import('./conversion.ts')).convertible(model, config, defineQwen),
  };
  return model;
}
