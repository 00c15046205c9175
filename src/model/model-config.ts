/** The model config: every size of a model that its graphs and the engine need. Plain JSON, stored in the manifest. */
import { JsonFields, type NumberRule } from './json-fields.ts';
import type { TextSizes } from './text-config.ts';
import type { VisionSizes } from './vision-config.ts';

/** A model's sizes and token ids, as every architecture has them. An architecture's own config may have more fields. */
export interface ModelConfig {
  readonly text: TextSizes;
  readonly vision: VisionSizes;
  readonly tokens: {
    /** Generation ends with any of these; never empty. */
    readonly eosTokenIds: readonly number[];
  };
}

/** The rule for a size that every architecture has; the architecture sets tighter limits. */
const SIZE: NumberRule = { min: 1, max: 1 << 24 };
const TEXT_SIZES = ['hiddenSize', 'intermediateSize', 'numLayers', 'numHeads', 'numKvHeads', 'headDim', 'vocabSize'];
const VISION_SIZES = ['hiddenSize', 'numHeads', 'headDim', 'patchSize', 'spatialMergeSize', 'outHiddenSize'];
const TOKEN: NumberRule = { min: 0, max: 1 << 24 };

/**
 * The part of a manifest's model config that all architectures share; each architecture checks its own fields.
 * @throws ModelFolderError when a field is missing or absurd
 */
export function readModelConfig(value: unknown): ModelConfig {
  const fields = new JsonFields(value, "the manifest's model config", 'ModelFolderError');
  const text = fields.requiredObject('text');
  for (const size of [...TEXT_SIZES, 'maxPositionEmbeddings']) text.number(size, SIZE);
  const vision = fields.requiredObject('vision');
  for (const size of VISION_SIZES) vision.number(size, SIZE);
  fields.requiredObject('tokens').numbers('eosTokenIds', TOKEN);
  return value as ModelConfig;
}
