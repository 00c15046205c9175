/**
 * The geometry of a Qwen2.5-VL model: every size that its graphs and the engine need. It is read from a Hugging Face
 * config.json of any age, and is plain JSON itself, for it goes into the model folder's manifest.
 * Source of names and defaults: transformers, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`, `Qwen2_5_VLConfig`.
 */
import { JsonFields, type NumberRule, readNumbers } from './json-fields.ts';
import { type TextConfig, textFromConfig, textFromManifest } from './text-config.ts';
import { type VisionConfig, visionFromConfig, visionFromManifest } from './vision-config.ts';

/** The token ids which the engine itself must know. */
export interface TokenIds {
  /** `<|image_pad|>`, repeated once per visual token. */
  readonly imageTokenId: number;
  readonly visionStartTokenId: number;
  readonly visionEndTokenId: number;
  /** Generation ends with any of these; never empty. */
  readonly eosTokenIds: readonly number[];
}

/** Everything about a model's shape. */
export interface ModelConfig {
  readonly text: TextConfig;
  readonly vision: VisionConfig;
  readonly tokens: TokenIds;
}

const MODEL_TYPE = 'qwen2_5_vl';
const ARCHITECTURE = 'Qwen2_5_VLForConditionalGeneration';
/** What `Qwen2_5_VLTextConfig` takes when no end of text is given. */
const QWEN_EOS = 151645;

const TOKENS = {
  imageTokenId: { config: 'image_token_id', fallback: 151655, min: 0, max: 1 << 22 },
  visionStartTokenId: { config: 'vision_start_token_id', fallback: 151652, min: 0, max: 1 << 22 },
  visionEndTokenId: { config: 'vision_end_token_id', fallback: 151653, min: 0, max: 1 << 22 },
} as const satisfies Readonly<Record<string, NumberRule>>;
const TOKEN: NumberRule = { min: 0, max: 1 << 22 };

/**
 * Reads a checkpoint's geometry.
 * @param config config.json, parsed: flat (as transformers 4.49 saved it) or nested (`text_config`, newer ones)
 * @param generationConfig generation_config.json, parsed, or undefined when there is none; says where generation ends
 * @throws CheckpointError when it is another kind of model, or a size or setting is missing, absurd or not supported
 */
export function parseGeometry(config: unknown, generationConfig: unknown): ModelConfig {
  const root = new JsonFields(config, 'config.json', 'CheckpointError');
  checkModelType(root);
  const text = root.object('text_config') ?? root;
  const vision = root.object('vision_config') ?? new JsonFields({}, 'config.json: vision_config', 'CheckpointError');
  const tied = root.flag('tie_word_embeddings', false) || text.flag('tie_word_embeddings', false);
  const geometry = {
    text: textFromConfig(text, tied),
    vision: visionFromConfig(vision),
    tokens: { ...readNumbers(root, TOKENS, 'config'), eosTokenIds: eosTokenIds(root, text, generationConfig) },
  };
  return checked(geometry, root);
}

function checkModelType(root: JsonFields): void {
  const supported = `supported is ${MODEL_TYPE} (${ARCHITECTURE}), as in Qwen2.5-VL and VisionThink`;
  const modelType = root.get('model_type');
  const architectures = root.get('architectures');
  if (modelType === undefined && architectures === undefined) {
    throw root.wrong(`has neither model_type nor architectures; ${supported}`);
  }
  if (modelType !== undefined && modelType !== MODEL_TYPE) {
    throw root.wrong(`describes a model of type ${JSON.stringify(modelType)}; ${supported}`);
  }
  if (architectures !== undefined && !(Array.isArray(architectures) && architectures.includes(ARCHITECTURE))) {
    throw root.wrong(`names the architecture ${JSON.stringify(architectures)}; ${supported}`);
  }
  if (root.get('quantization_config') !== undefined) {
    throw root.wrong('has a quantization_config: the weights are quantised already; use the original checkpoint');
  }
}

/** generation_config.json decides; without it config.json does, nested or flat. */
function eosTokenIds(root: JsonFields, text: JsonFields, generationConfig: unknown): readonly number[] {
  const places = [text, root];
  if (generationConfig !== undefined) {
    places.unshift(new JsonFields(generationConfig, 'generation_config.json', 'CheckpointError'));
  }
  for (const place of places) {
    const value = place.get('eos_token_id');
    if (Array.isArray(value)) return place.numbers('eos_token_id', TOKEN);
    if (value !== undefined) return [place.number('eos_token_id', TOKEN)];
  }
  return [QWEN_EOS];
}

/**
 * Checks the geometry read back from a manifest.
 * @throws ModelFolderError when a field is missing or impossible
 */
export function assertGeometry(value: unknown): ModelConfig {
  const fields = new JsonFields(value, "the manifest's geometry", 'ModelFolderError');
  const tokens = fields.requiredObject('tokens');
  const geometry = {
    text: textFromManifest(fields.requiredObject('text')),
    vision: visionFromManifest(fields.requiredObject('vision')),
    tokens: { ...readNumbers(tokens, TOKENS, 'manifest'), eosTokenIds: tokens.numbers('eosTokenIds', TOKEN) },
  };
  return checked(geometry, fields);
}

/** What has to hold between the parts. */
function checked(geometry: ModelConfig, fields: JsonFields): ModelConfig {
  const { text, vision, tokens } = geometry;
  if (vision.outHiddenSize !== text.hiddenSize) {
    throw fields.wrong(`has visual tokens of width ${vision.outHiddenSize}, but a text model of ${text.hiddenSize}`);
  }
  const eosIds = [...new Set(tokens.eosTokenIds)];
  if (eosIds.length === 0) throw fields.wrong('names no token that ends the generation (eos_token_id)');
  for (const id of [tokens.imageTokenId, tokens.visionStartTokenId, tokens.visionEndTokenId, ...eosIds]) {
    if (id >= text.vocabSize) throw fields.wrong(`has token id ${id}, outside its vocabulary of ${text.vocabSize}`);
  }
  return { ...geometry, tokens: { ...tokens, eosTokenIds: eosIds } };
}
