/**
 * Which tensors a Qwen2.5-VL model has, and what a checkpoint calls them. Graphs ask for canonical names (the newer
 * layout's without its leading `model.`); checkpoints saved by older versions of transformers use another layout.
 * Source: transformers, `models/qwen2_5_vl/modeling_qwen2_5_vl.py`, `Qwen2_5_VLForConditionalGeneration`.
 */
import type { ModelConfig } from '../model/model-config.ts';
import { NamedError } from '../shared/errors.ts';
import type { TensorStore } from './safetensors.ts';

/** The checkpoint's name for every canonical one. */
export interface ResolvedTensors {
  /**
   * The name to ask the store for. With tied embeddings `lm_head.weight` is the embedding.
   * @throws CheckpointError when the model has no tensor of that canonical name
   */
  name(canonical: string): string;
  /** Every canonical name with its shape, linear weights as `[out, in]`. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

const LM_HEAD = 'lm_head.weight';
const EMBEDDING = 'language_model.embed_tokens.weight';
const FORMATS = ['F32', 'F16', 'BF16'];
const LISTED = 5;

/**
 * Finds every tensor the model needs before anything is converted.
 * @throws CheckpointError listing the first few tensors which are missing or have another shape or an unreadable dtype,
 * or when the checkpoint has more layers than its config.json says
 */
export function resolveTensors(store: TensorStore, geometry: ModelConfig): ResolvedTensors {
  const shapes = tensorShapes(geometry);
  const names = new Map<string, string>();
  const faults: string[] = [];
  for (const [canonical, shape] of shapes) {
    const wanted = canonical === LM_HEAD && geometry.text.tieWordEmbeddings ? EMBEDDING : canonical;
    const candidates = spellings(wanted);
    const entry = candidates.map((name) => store.tensors.get(name)).find((found) => found !== undefined);
    if (entry === undefined) faults.push(`${candidates.join(' or ')} [${shape}] is missing`);
    else if (entry.shape.join() !== shape.join()) faults.push(`${entry.name} is [${entry.shape}], not [${shape}]`);
    else if (!FORMATS.includes(entry.dtype)) faults.push(`${entry.name} is ${entry.dtype}, not ${FORMATS.join(', ')}`);
    else names.set(canonical, entry.name);
  }
  faults.push(...extraLayers(store, geometry));
  if (faults.length > 0) throw mismatch(faults);
  return {
    shapes,
    name(canonical) {
      const name = names.get(canonical);
      if (name === undefined) throw new NamedError('CheckpointError', `a Qwen2.5-VL model has no tensor ${canonical}`);
      return name;
    },
  };
}

/** What a canonical name may be called: newer layout, older layout. */
function spellings(canonical: string): string[] {
  if (canonical === LM_HEAD) return [LM_HEAD];
  if (canonical.startsWith('visual.')) return [`model.${canonical}`, canonical];
  return [`model.${canonical}`, canonical.replace(/^language_model\./, 'model.')];
}

/** A checkpoint with more layers than its config says would convert without a word, and answer nonsense. */
function extraLayers(store: TensorStore, { text, vision }: ModelConfig): string[] {
  const extra = [
    ...spellings(`language_model.layers.${text.numLayers}.input_layernorm.weight`),
    ...spellings(`visual.blocks.${vision.depth}.norm1.weight`),
  ];
  return extra.filter((name) => store.tensors.has(name)).map((name) => `${name} is beyond config.json's layers`);
}

function mismatch(faults: readonly string[]): NamedError {
  const more = faults.length > LISTED ? `; and ${faults.length - LISTED} more` : '';
  const list = faults.slice(0, LISTED).join('; ') + more;
  return new NamedError(
    'CheckpointError',
    `the weights do not fit config.json: ${list}. Check that both are of one checkpoint and that no file is missing`,
  );
}

/**
 * Every tensor of the model.
 * @returns canonical name to shape, linear weights as `[out, in]`, in the order of the forward pass
 */
export function tensorShapes(geometry: ModelConfig): ReadonlyMap<string, readonly number[]> {
  return new Map([...visionShapes(geometry), ...textShapes(geometry)]);
}

type NamedShape = readonly [name: string, shape: readonly number[]];

function visionShapes({ vision }: ModelConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner, spatialMergeSize: merge, outHiddenSize } = vision;
  const merged = width * merge * merge;
  const block = (name: string): NamedShape[] => [
    [`${name}.norm1.weight`, [width]],
    ...biased(`${name}.attn.qkv`, 3 * width, width),
    ...biased(`${name}.attn.proj`, width, width),
    [`${name}.norm2.weight`, [width]],
    ...biased(`${name}.mlp.gate_proj`, inner, width),
    ...biased(`${name}.mlp.up_proj`, inner, width),
    ...biased(`${name}.mlp.down_proj`, width, inner),
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

function textShapes({ text }: ModelConfig): NamedShape[] {
  const { hiddenSize: width, intermediateSize: inner, vocabSize } = text;
  const keys = text.numKvHeads * text.headDim;
  const layer = (name: string): NamedShape[] => [
    [`${name}.input_layernorm.weight`, [width]],
    ...biased(`${name}.self_attn.q_proj`, width, width),
    ...biased(`${name}.self_attn.k_proj`, keys, width),
    ...biased(`${name}.self_attn.v_proj`, keys, width),
    [`${name}.self_attn.o_proj.weight`, [width, width]],
    [`${name}.post_attention_layernorm.weight`, [width]],
    [`${name}.mlp.gate_proj.weight`, [inner, width]],
    [`${name}.mlp.up_proj.weight`, [inner, width]],
    [`${name}.mlp.down_proj.weight`, [width, inner]],
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
