/**
 * The tensors of a Qwen2.5-VL model, and their names in checkpoints. Canonical names are the newer layout's without its
 * leading `model.`; checkpoints saved by older versions of transformers use another layout.
 * Source: transformers, `models/qwen2_5_vl/modeling_qwen2_5_vl.py`, `Qwen2_5_VLForConditionalGeneration`.
 */
import type { QwenConfig } from './config.ts';
import type { CheckpointTensors } from '../architecture.ts';

/** Canonical names of the output projection and of the embedding. */
export const LM_HEAD = 'lm_head.weight';
export const EMBEDDING = 'language_model.embed_tokens.weight';

/**
 * The vision tower keeps 8 bits: with 4 bits it causes most of the model's error. It is a twelfth of VisionThink's weights, and no
 * decode step reads it.
 */
const VISION_TOWER = 'visual.';

/** The tensors of a model of these sizes, in the order of the forward pass. */
export function checkpointTensors(config: QwenConfig): CheckpointTensors {
  const { text, vision } = config;
  const shapes = new Map([...visionShapes(config), ...textShapes(config)]);
  return {
    shapes,
    spellings: (canonical) => spellings(canonical === LM_HEAD && text.tieWordEmbeddings ? EMBEDDING : canonical),
    beyond: [
      ...spellings(`language_model.layers.${text.numLayers}.input_layernorm.weight`),
      ...spellings(`visual.blocks.${vision.depth}.norm1.weight`),
    ],
    eightBitPrefixes: [VISION_TOWER],
  };
}

/** Checkpoint names of a canonical name: newer layout, older layout. */
function spellings(canonical: string): string[] {
  if (canonical === LM_HEAD) return [LM_HEAD];
  if (canonical.startsWith(VISION_TOWER)) return [`model.${canonical}`, canonical];
  return [`model.${canonical}`, canonical.replace(/^language_model\./, 'model.')];
}

type NamedShape = readonly [name: string, shape: readonly number[]];

function visionShapes({ vision }: QwenConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: intermediate, spatialMergeSize: merge, outHiddenSize } = vision;
  const merged = width * merge * merge;
  const block = (name: string): NamedShape[] => [
    [`${name}.norm1.weight`, [width]],
    ...biased(`${name}.attn.qkv`, 3 * width, width),
    ...biased(`${name}.attn.proj`, width, width),
    [`${name}.norm2.weight`, [width]],
    ...biased(`${name}.mlp.gate_proj`, intermediate, width),
    ...biased(`${name}.mlp.up_proj`, intermediate, width),
    ...biased(`${name}.mlp.down_proj`, width, intermediate),
  ];
  const { inChannels, temporalPatchSize, patchSize } = vision;
  return [
    ['visual.patch_embed.proj.weight', [width, inChannels, temporalPatchSize, patchSize, patchSize]],
    ...Array.from({ length: vision.depth }, (_, i) => block(`visual.blocks.${i}`)).flat(),
    ['visual.merger.ln_q.weight', [width]],
    ...biased('visual.merger.mlp.0', merged, merged),
    ...biased('visual.merger.mlp.2', outHiddenSize, merged),
  ];
}

function textShapes({ text }: QwenConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: intermediate, vocabSize } = text;
  const keys = text.numKvHeads * text.headDim;
  const layer = (name: string): NamedShape[] => [
    [`${name}.input_layernorm.weight`, [width]],
    ...biased(`${name}.self_attn.q_proj`, width, width),
    ...biased(`${name}.self_attn.k_proj`, keys, width),
    ...biased(`${name}.self_attn.v_proj`, keys, width),
    [`${name}.self_attn.o_proj.weight`, [width, width]],
    [`${name}.post_attention_layernorm.weight`, [width]],
    [`${name}.mlp.gate_proj.weight`, [intermediate, width]],
    [`${name}.mlp.up_proj.weight`, [intermediate, width]],
    [`${name}.mlp.down_proj.weight`, [width, intermediate]],
  ];
  return [
    [EMBEDDING, [vocabSize, width]],
    ...Array.from({ length: text.numLayers }, (_, i) => layer(`language_model.layers.${i}`)).flat(),
    ['language_model.norm.weight', [width]],
    [LM_HEAD, [vocabSize, width]],
  ];
}

function biased(name: string, out: number, into: number): NamedShape[] {
  return [
    [`${name}.weight`, [out, into]],
    [`${name}.bias`, [out]],
  ];
}
