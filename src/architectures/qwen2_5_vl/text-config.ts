/**
 * The sizes of Qwen2.5-VL's language model: their names in config.json (flat or nested), the defaults of transformers, and the
 * limits of this project's graphs.
 * Source of names and defaults: transformers, `models/qwen2_5_vl/configuration_qwen2_5_vl.py`, `Qwen2_5_VLTextConfig`.
 */
import { type JsonFields, type NumberRule, readNumbers } from '../../model/json-fields.ts';
import type { TextConfig } from '../../model/text-config.ts';

/** The language model's sizes. */
export interface QwenTextConfig extends TextConfig {
  readonly ropeTheta: number;
  /** How many of the headDim / 2 frequencies follow t, h, w, t, h, w and so on, in this order. */
  readonly mropeSection: readonly number[];
}

const NUMBERS = {
  hiddenSize: { config: 'hidden_size', fallback: 8192, min: 1, max: 65536 },
  intermediateSize: { config: 'intermediate_size', fallback: 29568, min: 1, max: 1 << 20 },
  numLayers: { config: 'num_hidden_layers', fallback: 80, min: 1, max: 512 },
  numHeads: { config: 'num_attention_heads', fallback: 64, min: 1, max: 1024 },
  numKvHeads: { config: 'num_key_value_heads', fallback: 8, min: 1, max: 1024 },
  vocabSize: { config: 'vocab_size', fallback: 152064, min: 1, max: 1 << 22 },
  rmsNormEps: { config: 'rms_norm_eps', fallback: 1e-5, min: 1e-12, max: 0.1, fractional: true },
  maxPositionEmbeddings: { config: 'max_position_embeddings', fallback: 32768, min: 1, max: 1 << 24 },
} as const satisfies Readonly<Record<string, NumberRule>>;

const HEAD_DIM: NumberRule = { min: 1, max: 1024 };
const SECTION: NumberRule = { min: 1, max: 512 };
const ROPE_THETA: NumberRule = { min: 1, max: 1e12, fractional: true };
const QWEN_ROPE_THETA = 1e6;
const QWEN_SECTIONS = [16, 24, 24];

/**
 * The language model's sizes from config.json.
 * @param text `text_config`, or the whole config where it is flat
 * @param tieWordEmbeddings read by the caller, because it may be in either place
 * @throws CheckpointError for a size or setting that is missing, absurd or not supported
 */
export function textFromConfig(text: JsonFields, tieWordEmbeddings: boolean): QwenTextConfig {
  text.oneOf('hidden_act', ['silu']);
  if (text.flag('use_sliding_window', false)) {
    throw text.wrong('has use_sliding_window true; sliding-window attention is not supported, only full attention');
  }
  const layerTypes = text.get('layer_types');
  if (Array.isArray(layerTypes) && layerTypes.some((type) => type !== 'full_attention')) {
    throw text.wrong('has layer_types other than full_attention, which are not supported');
  }
  const numbers = readNumbers(text, NUMBERS, 'config');
  const headDim = numbers.hiddenSize / numbers.numHeads;
  if ((text.get('head_dim') ?? headDim) !== headDim) {
    throw text.wrong(`has head_dim ${text.get('head_dim')}, not hidden_size / num_attention_heads = ${headDim}`);
  }
  return checked({ ...numbers, headDim, ...ropeFromConfig(text), tieWordEmbeddings }, text);
}

/** Newer configs store it in `rope_parameters`, older ones in `rope_scaling` and `rope_theta`. */
function ropeFromConfig(text: JsonFields): Pick<QwenTextConfig, 'ropeTheta' | 'mropeSection'> {
  const rope = text.object('rope_scaling') ?? text.object('rope_parameters');
  rope?.oneOf('rope_type', ['default', 'mrope']);
  rope?.oneOf('type', ['default', 'mrope']);
  const ropeTheta = (rope?.get('rope_theta') === undefined ? text : rope).number('rope_theta', {
    ...ROPE_THETA,
    fallback: QWEN_ROPE_THETA,
  });
  return { ropeTheta, mropeSection: rope?.numbers('mrope_section', SECTION, QWEN_SECTIONS) ?? QWEN_SECTIONS };
}

/**
 * The language model's sizes from a manifest.
 * @throws the fields' own error for a size that is missing, absurd or not supported
 */
export function textFromManifest(fields: JsonFields): QwenTextConfig {
  const text = {
    ...readNumbers(fields, NUMBERS, 'manifest'),
    headDim: fields.number('headDim', HEAD_DIM),
    ropeTheta: fields.number('ropeTheta', ROPE_THETA),
    mropeSection: fields.numbers('mropeSection', SECTION),
    tieWordEmbeddings: fields.flag('tieWordEmbeddings'),
  };
  return checked(text, fields);
}

/** Checks the constraints between the sizes. */
function checked(text: QwenTextConfig, fields: JsonFields): QwenTextConfig {
  const { hiddenSize, numHeads, numKvHeads, headDim, mropeSection } = text;
  if (headDim * numHeads !== hiddenSize || !Number.isInteger(headDim)) {
    throw fields.wrong(`has hidden size ${hiddenSize}, not a multiple of its ${numHeads} attention heads`);
  }
  if (headDim % 16 !== 0) {
    throw fields.wrong(`has attention heads of ${headDim}; supported are multiples of 16 (hidden size / heads)`);
  }
  if (numHeads % numKvHeads !== 0) {
    throw fields.wrong(`has ${numHeads} attention heads, not a multiple of its ${numKvHeads} key/value heads`);
  }
  const frequencies = mropeSection.reduce((sum, section) => sum + section, 0);
  if (frequencies !== headDim / 2) {
    throw fields.wrong(`has mrope sections which sum to ${frequencies}, not to half the head size, ${headDim / 2}`);
  }
  return text;
}
