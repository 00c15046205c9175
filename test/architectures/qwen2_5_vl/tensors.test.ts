import { describe, expect, it } from 'vitest';
import type { TensorEntry } from '../../../src/converter/safetensors-header.ts';
import type { TensorStore } from '../../../src/converter/safetensors.ts';
import { checkpointModel } from '../../../src/architectures/registry.ts';
import { resolveTensors } from '../../../src/converter/resolve-tensors.ts';
import { flatConfig, nestedConfig } from './checkpoint-configs.ts';

const tied = await checkpointModel(nestedConfig(), undefined).conversion();
const untied = await model({ tie_word_embeddings: false });

/** The tiny model with other settings of its text. */
function model(text: Readonly<Record<string, unknown>>) {
  const config = nestedConfig();
  const { text_config: before } = config;
  return checkpointModel({ ...config, ...text, text_config: { ...Object(before), ...text } }, undefined).conversion();
}

const newLayout = (name: string) => (name === 'lm_head.weight' ? name : `model.${name}`);
const oldLayout = (name: string) => name.replace(/^language_model\./, 'model.');

/** A store with every tensor of the tiny model, named by `rename`, some of them changed. */
function storeOf(rename: (canonical: string) => string, change: Readonly<Record<string, Partial<TensorEntry>>> = {}) {
  const tensors = new Map<string, TensorEntry>();
  for (const [canonical, shape] of tied.checkpoint.shapes) {
    const place = { file: 'model.safetensors', byteOffset: 0, byteLength: 0 };
    tensors.set(rename(canonical), { name: rename(canonical), dtype: 'BF16', shape, ...place, ...change[canonical] });
  }
  return { tensors, files: new Map() } satisfies TensorStore;
}

describe('resolveTensors', () => {
  it.each([
    ['newer', newLayout],
    ['older', oldLayout],
  ])('finds every tensor of the %s layout', (_, rename) => {
    const { name } = resolveTensors(storeOf(rename), untied);
    for (const canonical of untied.checkpoint.shapes.keys()) expect(name(canonical)).toBe(rename(canonical));
  });

  it('takes the embedding for a tied output projection, present or absent', () => {
    const store = storeOf(oldLayout);
    expect(resolveTensors(store, tied).name('lm_head.weight')).toBe('model.embed_tokens.weight');
    store.tensors.delete('lm_head.weight');
    expect(resolveTensors(store, tied).name('lm_head.weight')).toBe('model.embed_tokens.weight');
    expect(() => resolveTensors(store, untied)).toThrow('lm_head.weight [40,64] is missing');
  });

  it('lists the first few missing and misshapen tensors, with the shapes', () => {
    const store = storeOf(newLayout, { 'visual.patch_embed.proj.weight': { shape: [32, 3, 2, 16, 16] } });
    const missing = [...store.tensors.keys()].filter((name) => name.includes('mlp.gate_proj.weight'));
    for (const name of missing) store.tensors.delete(name);
    const resolve = () => resolveTensors(store, tied);
    expect(resolve).toThrow(expect.objectContaining({ name: 'CheckpointError' }));
    expect(resolve).toThrow('model.visual.patch_embed.proj.weight is [32,3,2,16,16], not [32,3,2,14,14]');
    expect(resolve).toThrow(
      'model.language_model.layers.0.mlp.gate_proj.weight or model.layers.0.mlp.gate_proj.weight [96,64] is missing',
    );
    for (const name of [...store.tensors.keys()].slice(1)) store.tensors.delete(name);
    expect(resolve).toThrow(/; and \d+ more/);
  });

  it('refuses weights that are already quantised', () => {
    const store = storeOf(oldLayout, { 'language_model.layers.1.mlp.up_proj.weight': { dtype: 'U8' } });
    expect(() => resolveTensors(store, tied)).toThrow('model.layers.1.mlp.up_proj.weight is U8, not F32, F16, BF16');
  });

  it('refuses a checkpoint with more layers than its config says', async () => {
    const shallow = await model({ num_hidden_layers: 1, layer_types: undefined });
    expect(() => resolveTensors(storeOf(oldLayout), shallow)).toThrow('layers.1.input_layernorm.weight is beyond');
  });

  it('refuses a name that the model does not have', () => {
    const { name } = resolveTensors(storeOf(oldLayout), tied);
    expect(() => name('visual.pos_embed')).toThrow('no tensor visual.pos_embed');
  });
});

describe('the tensors of a model', () => {
  it('has the 729 tensors and 8.29 billion parameters of Qwen2.5-VL-7B', async () => {
    const { shapes } = (await checkpointModel(flatConfig(), undefined).conversion()).checkpoint;
    const parameters = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(shapes.size).toBe(729);
    expect(parameters).toBe(8_292_166_656);
    expect(shapes.get('visual.merger.mlp.2.weight')).toEqual([3584, 5120]);
    expect(shapes.get('language_model.layers.27.self_attn.k_proj.weight')).toEqual([512, 3584]);
  });
});
