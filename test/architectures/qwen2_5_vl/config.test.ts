import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QWEN2_5_VL } from '../../../src/architectures/qwen2_5_vl/qwen2_5_vl.ts';
import { checkpointModel } from '../../../src/architectures/registry.ts';
import { isNamed } from '../../../src/shared/errors.ts';
import { flatConfig, nestedConfig } from './checkpoint-configs.ts';

const fromCheckpoint = (config: unknown, generation: unknown) => checkpointModel(config, generation).config;
const fromManifest = (config: unknown) => QWEN2_5_VL.fromManifest(config).config;

const qwenGeneration = { eos_token_id: [151645, 151643] };

const qwen7B = {
  text: {
    hiddenSize: 3584,
    intermediateSize: 18944,
    numLayers: 28,
    numHeads: 28,
    numKvHeads: 4,
    headDim: 128,
    vocabSize: 152064,
    rmsNormEps: 1e-6,
    ropeTheta: 1e6,
    mropeSection: [16, 24, 24],
    tieWordEmbeddings: false,
    maxPositionEmbeddings: 128000,
  },
  vision: {
    depth: 32,
    hiddenSize: 1280,
    intermediateSize: 3420,
    numHeads: 16,
    headDim: 80,
    patchSize: 14,
    temporalPatchSize: 2,
    inChannels: 3,
    spatialMergeSize: 2,
    windowSize: 112,
    fullAttentionBlocks: [7, 15, 23, 31],
    outHiddenSize: 3584,
  },
  tokens: {
    imageTokenId: 151655,
    visionStartTokenId: 151652,
    visionEndTokenId: 151653,
    eosTokenIds: [151645, 151643],
  },
};

/** `object` with the field at a dotted path set; undefined removes it. */
function changed(object: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [key = '', ...rest] = path.split('.');
  const nested = object[key];
  if (rest.length === 0) return { ...object, [key]: value };
  return { ...object, [key]: changed({ ...(typeof nested === 'object' ? nested : {}) }, rest.join('.'), value) };
}

describe('the model config of a checkpoint', () => {
  it('reads the flat config of VisionThink', () => {
    expect(fromCheckpoint(flatConfig(), qwenGeneration)).toEqual(qwen7B);
  });

  it('reads the rope settings that Qwen itself published, of type mrope', () => {
    const config = changed(flatConfig(), 'rope_scaling', { type: 'mrope', mrope_section: [16, 24, 24] });
    expect(fromCheckpoint(config, qwenGeneration)).toEqual(qwen7B);
  });

  it('reads a nested config', () => {
    const { text, vision, tokens } = fromCheckpoint(nestedConfig(), undefined);
    expect(text).toMatchObject({ hiddenSize: 64, headDim: 32, ropeTheta: 100, mropeSection: [4, 6, 6] });
    expect(vision).toMatchObject({ depth: 2, headDim: 16, inChannels: 3, fullAttentionBlocks: [1] });
    expect(tokens).toEqual({ imageTokenId: 5, visionStartTokenId: 3, visionEndTokenId: 4, eosTokenIds: [2] });
  });

  it('reads a nested config with the older rope_scaling and rope_theta', () => {
    let config = changed(nestedConfig(), 'text_config.rope_parameters', undefined);
    config = changed(config, 'text_config.rope_scaling', { type: 'mrope', mrope_section: [4, 6, 6] });
    const { text } = fromCheckpoint(changed(config, 'text_config.rope_theta', 500), undefined);
    expect(text).toMatchObject({ ropeTheta: 500, mropeSection: [4, 6, 6] });
  });

  it('takes the defaults of transformers where Qwen2.5-VL fields are absent', () => {
    const needed = { hidden_size: 3584, num_attention_heads: 28, num_key_value_heads: 4 };
    const { text, vision, tokens } = fromCheckpoint({ model_type: 'qwen2_5_vl', ...needed }, undefined);
    expect(text).toMatchObject({ numLayers: 80, vocabSize: 152064, rmsNormEps: 1e-5, ropeTheta: 1e6 });
    expect(text).toMatchObject({ mropeSection: [16, 24, 24], tieWordEmbeddings: false, maxPositionEmbeddings: 32768 });
    expect(vision).toMatchObject({ depth: 32, hiddenSize: 3584, intermediateSize: 3420, windowSize: 112 });
    expect(tokens).toEqual({ ...qwen7B.tokens, eosTokenIds: [151645] });
  });

  it('finds tied embeddings at the top or in text_config', () => {
    const half = changed(nestedConfig(), 'tie_word_embeddings', false);
    const untied = changed(half, 'text_config.tie_word_embeddings', false);
    const tied = (config: unknown) => fromCheckpoint(config, undefined).text.tieWordEmbeddings;
    expect(tied(untied)).toBe(false);
    expect(tied(changed(untied, 'tie_word_embeddings', true))).toBe(true);
    expect(tied(changed(untied, 'text_config.tie_word_embeddings', true))).toBe(true);
  });

  it('takes the end tokens from generation_config, a number or a list, else from config', () => {
    const ends = (generation: unknown) => fromCheckpoint(flatConfig(), generation).tokens.eosTokenIds;
    expect(ends(qwenGeneration)).toEqual([151645, 151643]);
    expect(ends({ eos_token_id: 7 })).toEqual([7]);
    expect(ends({ eos_token_id: [7, 7] })).toEqual([7]);
    expect(ends({ eos_token_id: null })).toEqual([151645]);
    expect(ends({})).toEqual([151645]);
  });

  it.each([
    ['model_type', 'llava', 'describes a model of type "llava"; supported is qwen2_5_vl'],
    ['model_type', 'qwen2_vl', '"qwen2_vl"'],
    ['architectures', ['Qwen2VLForConditionalGeneration'], 'names the architecture ["Qwen2VLForCond'],
    ['architectures', 'Qwen', 'names the architecture "Qwen"'],
    ['quantization_config', { quant_method: 'awq' }, 'quantised already'],
    ['hidden_act', 'gelu', 'has hidden_act "gelu"; supported: silu'],
    ['use_sliding_window', true, 'sliding-window attention is not supported'],
    ['layer_types', ['sliding_attention'], 'has layer_types other than full_attention'],
    ['rope_scaling', { type: 'yarn', factor: 4 }, 'has type "yarn"; supported: default, mrope'],
    ['rope_scaling.rope_type', 'linear', 'has rope_type "linear"'],
    ['rope_scaling.mrope_section', [16, 16, 16], 'sum to 48, not to half the head size, 64'],
    ['rope_scaling.mrope_section', '16', 'not a list of numbers'],
    ['num_key_value_heads', 5, '28 attention heads, not a multiple of its 5 key/value heads'],
    ['num_attention_heads', 27, 'not a multiple of its 27 attention heads'],
    ['num_attention_heads', 512, 'attention heads of 7; supported are multiples of 16'],
    ['head_dim', 64, 'has head_dim 64, not hidden_size / num_attention_heads = 128'],
    ['hidden_size', 0, 'has hidden_size 0, not a whole number from 1 to'],
    ['hidden_size', -3584, 'hidden_size -3584'],
    ['hidden_size', '3584', 'hidden_size "3584"'],
    ['num_hidden_layers', 1e9, 'num_hidden_layers 1000000000'],
    ['num_hidden_layers', 2.5, 'num_hidden_layers 2.5'],
    ['rms_norm_eps', 0, 'rms_norm_eps 0, not a number from'],
    ['rope_theta', 0, 'rope_theta 0'],
    ['tie_word_embeddings', 'yes', 'not true or false'],
    ['image_token_id', 152064, 'token id 152064, outside its vocabulary'],
    ['eos_token_id', [], 'names no token that ends the generation'],
    ['vision_config', 'none', 'config.json: vision_config is "none", not an object'],
    ['vision_config.patch_size', 16, 'config.json: vision_config has patch_size 16'],
    ['vision_config.temporal_patch_size', 1, 'temporal_patch_size 1'],
    ['vision_config.spatial_merge_size', 4, 'spatial_merge_size 4'],
    ['vision_config.in_chans', 4, 'in_chans 4'],
    ['vision_config.window_size', 100, "a window of 100 px, not a multiple of a visual token's 28 px"],
    ['vision_config.hidden_act', 'quick_gelu', 'has hidden_act "quick_gelu"'],
    ['vision_config.num_heads', 7, 'not a multiple of its 7 attention heads'],
    ['vision_config.num_heads', 128, 'attention heads of 10'],
    ['vision_config.fullatt_block_indexes', [32], 'block 32 see the whole image, but has only 32 blocks'],
    ['vision_config.rope_parameters', { rope_theta: 5000 }, 'rope_theta 5000'],
    ['vision_config.out_hidden_size', 2048, 'visual tokens of width 2048, but a text model of 3584'],
  ])('refuses %s %j', (path, value, message) => {
    const parse = () => fromCheckpoint(changed(flatConfig(), path, value), undefined);
    expect(parse).toThrow(expect.objectContaining({ name: 'CheckpointError' }));
    expect(parse).toThrow(message);
  });

  it('refuses JSON that is not a config', () => {
    for (const value of [undefined, null, [], 'config', 7]) {
      expect(() => fromCheckpoint(value, undefined)).toThrow('config.json is');
    }
    expect(() => fromCheckpoint({}, undefined)).toThrow('neither model_type nor architectures');
    expect(() => fromCheckpoint(flatConfig(), [])).toThrow('generation_config.json is [], not an object');
  });

  it('parses or refuses a config with any value in any field', () => {
    const config = flatConfig();
    const paths = Object.keys(config).flatMap((key) =>
      key === 'vision_config' ? Object.keys(Object(config[key])).map((field) => `${key}.${field}`) : [key],
    );
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
        try {
          const parsed = fromCheckpoint(changed(flatConfig(), path, value), undefined);
          expect(fromManifest(parsed)).toEqual(parsed);
        } catch (error) {
          if (!isNamed(error, 'CheckpointError')) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the model config of a manifest', () => {
  it('survives a round trip through JSON', () => {
    for (const config of [fromCheckpoint(flatConfig(), qwenGeneration), fromCheckpoint(nestedConfig(), undefined)]) {
      expect(fromManifest(JSON.parse(JSON.stringify(config)))).toEqual(config);
    }
  });

  it('requires every field', () => {
    for (const [part, fields] of Object.entries(qwen7B)) {
      for (const field of Object.keys(fields)) {
        const parse = () => fromManifest(changed(qwen7B, `${part}.${field}`, undefined));
        expect(parse, `${part}.${field}`).toThrow(expect.objectContaining({ name: 'ModelFolderError' }));
        expect(parse).toThrow(field);
      }
      expect(() => fromManifest(changed(qwen7B, part, undefined))).toThrow(`has no ${part}`);
    }
  });

  it('refuses sizes that contradict each other', () => {
    expect(() => fromManifest(changed(qwen7B, 'text.headDim', 64))).toThrow('not a multiple');
    expect(() => fromManifest(changed(qwen7B, 'vision.outHiddenSize', 64))).toThrow('visual tokens of width 64');
    expect(() => fromManifest(null)).toThrow("the manifest's model config is null");
  });
});
