/**
 * The model config of a Qwen2.5-VL checkpoint, read from a Hugging Face config.json of any age, and read back from a
 * manifest.
 * Source of names and defaults: transformers, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`, `Qwen2_5_VLConfig`.
 */
import { JsonFields, type NumberRule, readNumbers } from '../../model/json-fields.ts';
import type { ModelConfig } from '../../model/model-config.ts';
import type { VisionConfig } from '../../model/vision-config.ts';
import { type QwenTextConfig, textFromConfig, textFromManifest } from './text-config.ts';
import { visionFromConfig, visionFromManifest } from './vision-config.ts';

/** The model config, as stored in the manifest. */
export interface QwenConfig extends ModelConfig {
  readonly text: QwenTextConfig;
  readonly vision: VisionConfig;
  readonly tokens: TokenIds;
}

/** Special token ids. */
export interface TokenIds {
  /** `<|image_pad|>`, repeated once per visual token. */
  readonly imageTokenId: number;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
  /** Generation ends with any of these; never empty. */
  readonly eosTokenIds: readonly number[];
}

/** The default end of text of `Qwen2_5_VLTextConfig`. */
const QWEN_EOS = 151645;

const TOKENS = {
  imageTokenId: { config: 'image_token_id', fallback: 151655, min: 0, max: 1 << 22 },
  visionStartTokenId: { config: 'vision_start_token_id', fallback: 151652, min: 0, max: 1 << 22 },
  visionEndTokenId: { config: 'vision_end_token_id', fallback: 151653, min: 0, max: 1 << 22 },
} as const satisfies Readonly<Record<string, NumberRule>>;
const TOKEN: NumberRule = { min: 0, max: 1 << 22 };

/**
 * Reads a checkpoint's model config.
 * @param json config.json, parsed: flat (as transformers 4.49 saved it) or nested (`text_config`, newer ones)
 * @param generationConfig generation_config.json, parsed, or undefined when there is none; says where generation ends
 * @throws CheckpointError when a size or setting is missing, absurd or not supported
 */
export function configFromCheckpoint(json: unknown, generationConfig: unknown): QwenConfig {
  const root = new JsonFields(json, 'config.json', 'CheckpointError');
  if (root.get('quantization_config') !== undefined) {
    throw root.wrong('has a quantization_config: the weights are quantised already; use the original checkpoint');
  }
  const text = root.object('text_config') ?? root;
  const vision = root.object('vision_config') ?? new JsonFields({}, 'config.json: vision_config', 'CheckpointError');
  const tied = root.flag('tie_word_embeddings', false) || text.flag('tie_word_embeddings', false);
  const textConfig = textFromConfig(text, tied);
  const generation =
    generationConfig === undefined
      ? []
      : [new JsonFields(generationConfig, 'generation_config.json', 'CheckpointError')];
  const eosTokenIds = readEosTokenIds([...generation, text, root], textConfig.vocabSize);
  const tokens = { ...readNumbers(root, TOKENS, 'config'), eosTokenIds };
  return checked({ text: textConfig, vision: visionFromConfig(vision), tokens }, root);
}

/** Reads them from the first place that lists one: generation_config.json, then config.json, nested or flat. */
function readEosTokenIds(places: readonly JsonFields[], vocabSize: number): readonly number[] {
  for (const place of places) {
    const value = place.get('eos_token_id');
    if (value === undefined) continue;
    const ids = Array.isArray(value) ? place.numbers('eos_token_id', TOKEN) : [place.number('eos_token_id', TOKEN)];
    const beyond = ids.find((id) => id >= vocabSize);
    if (beyond === undefined) return ids;
    throw place.wrong(`has eos_token_id ${beyond}, outside the vocabulary of ${vocabSize} (vocab_size of config.json)`);
  }
  return [QWEN_EOS];
}

/**
 * Checks the model config read back from a manifest.
 * @throws ModelFolderError when a field is missing or impossible
 */
export function configFromManifest(value: unknown): QwenConfig {
  const fields = new JsonFields(value, "the manifest's model config", 'ModelFolderError');
  const tokens = fields.requiredObject('tokens');
  const config = {
    text: textFromManifest(fields.requiredObject('text')),
    vision: visionFromManifest(fields.requiredObject('vision')),
    tokens: { ...readNumbers(tokens, TOKENS, 'manifest'), eosTokenIds: tokens.numbers('eosTokenIds', TOKEN) },
  };
  return checked(config, fields);
}

/** Checks the constraints between text, vision and tokens. */
function checked(config: QwenConfig, fields: JsonFields): QwenConfig {
  const { text, vision, tokens } = config;
  if (vision.outHiddenSize !== text.hiddenSize) {
    throw fields.wrong(`has visual tokens of width ${vision.outHiddenSize}, but a text model of ${text.hiddenSize}`);
  }
  const eosIds = [...new Set(tokens.eosTokenIds)];
  if (eosIds.length === 0) throw fields.wrong('names no token that ends the generation (eos_token_id)');
  for (const id of [tokens.imageTokenId, tokens.visionStartTokenId, tokens.visionEndTokenId, ...eosIds]) {
    if (id >= text.vocabSize) throw fields.wrong(`has token id ${id}, outside its vocabulary of ${text.vocabSize}`);
  }
  return { ...config, tokens: { ...tokens, eosTokenIds: eosIds } };
}
