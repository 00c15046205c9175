/**
 * A second architecture, contained in this folder: everything a contributor of one writes. It differs from Qwen2.5-VL in
 * everything an architecture may choose: patches of 8 px, each a visual token, learned positions of rows and columns in
 * the vision tower and no windows, LayerNorm and GELU in place of RMSNorm and SwiGLU, and positions of one dimension, in
 * which an image's tokens count like text.
 */
import type {
  Architecture,
  CheckpointTensors,
  ModelDefinition,
  PatchGrid,
  PositionTables,
  VisionInputs,
} from '../../../src/architectures/architecture.ts';
import { JsonFields } from '../../../src/model/json-fields.ts';
import { inverseFrequencies } from '../../../src/model/rotary.ts';
import { buildDecoder, buildEmbedTokens, buildVisionEncoder, COLUMN_INDEX, ROW_INDEX } from './graphs.ts';

/** Side of a patch, pixels. */
export const PATCH = 8;
/** Values per patch: channel, row, column. */
export const PATCH_ELEMENTS = 3 * PATCH * PATCH;
/** Rows and columns of patches that have a learned position. */
export const GRID = 32;
/** Base of the decoder's rotary angles. */
export const ROPE_THETA = 10_000;

/** The sizes of a model. */
export interface ToyConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly visionSize: number;
  readonly visionHeads: number;
  readonly visionDepth: number;
  readonly eosTokenIds: readonly number[];
}

/** The smallest config with every kind of layer and blocks of 32. */
export const TOY_CONFIG: ToyConfig = {
  hiddenSize: 64,
  intermediateSize: 128,
  numLayers: 2,
  numHeads: 2,
  headDim: 32,
  vocabSize: 336,
  visionSize: 32,
  visionHeads: 2,
  visionDepth: 2,
  eosTokenIds: [2],
};

/** The architecture, as the registry knows it. */
export const TOY_VL: Architecture = {
  modelType: 'toy_vl',
  className: 'ToyVlForConditionalGeneration',
  examples: 'the model of this test',
  fromCheckpoint(config) {
    const fields = new JsonFields(config, 'config.json', 'CheckpointError');
    return define(readConfig(fields));
  },
  fromManifest(config) {
    const fields = new JsonFields(config, "the manifest's model config", 'ModelFolderError');
    return define(readConfig(fields.requiredObject('toy')));
  },
  presets: {
    toy: {
      name: 'toy preset',
      config: { model_type: 'toy_vl', architectures: ['ToyVlForConditionalGeneration'], ...TOY_CONFIG },
      processor: {},
    },
  },
};

function readConfig(fields: JsonFields): ToyConfig {
  const size = (key: string): number => fields.number(key, { min: 1, max: 4096 });
  return {
    hiddenSize: size('hiddenSize'),
    intermediateSize: size('intermediateSize'),
    numLayers: size('numLayers'),
    numHeads: size('numHeads'),
    headDim: size('headDim'),
    vocabSize: size('vocabSize'),
    visionSize: size('visionSize'),
    visionHeads: size('visionHeads'),
    visionDepth: size('visionDepth'),
    eosTokenIds: fields.numbers('eosTokenIds', { min: 0, max: 4096 }),
  };
}

function define(toy: ToyConfig): ModelDefinition {
  const { hiddenSize, intermediateSize, numLayers, numHeads, headDim, vocabSize } = toy;
  const config = {
    text: {
      hiddenSize,
      intermediateSize,
      numLayers,
      numHeads,
      headDim,
      vocabSize,
      numKvHeads: numHeads,
      tieWordEmbeddings: false,
      maxPositionEmbeddings: 2048,
    },
    vision: {
      hiddenSize: toy.visionSize,
      numHeads: toy.visionHeads,
      headDim: toy.visionSize / toy.visionHeads,
      patchSize: PATCH,
      temporalPatchSize: 1,
      inChannels: 3,
      spatialMergeSize: 1,
      outHiddenSize: hiddenSize,
    },
    tokens: { eosTokenIds: toy.eosTokenIds },
    toy,
  };
  const model: ModelDefinition = {
    modelType: TOY_VL.modelType,
    config,
    parseProcessor: () => ({
      patchSize: PATCH,
      temporalPatchSize: 1,
      mergeSize: 1,
      resample: 'bicubic',
      minPixels: PATCH * PATCH,
      maxPixels: GRID * GRID * PATCH * PATCH,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      rescaleFactor: 1 / 255,
    }),
    chat: {
      imagePad: '<|image_pad|>',
      imagePlaceholder: '<|image_pad|>',
      system: null,
      open: (role) => `<|im_start|>${role}: `,
      endOfMessage: '<|im_end|>',
      separator: ' ',
    },
    positions: positionTables(headDim),
    visionInputs,
    conversion: async () => ({
      ...model,
      checkpoint: checkpointTensors(toy),
      graphs: {
        vision_encoder: (context) => buildVisionEncoder(context, toy),
        embed_tokens: (context) => buildEmbedTokens(context, toy),
        decoder: (context) => buildDecoder(context, toy),
      },
      usualMaxPixels: GRID * GRID * PATCH * PATCH,
    }),
  };
  return model;
}

/** Every tensor by its canonical name, which is also its name in the checkpoint. */
function checkpointTensors(toy: ToyConfig): CheckpointTensors {
  const { hiddenSize, intermediateSize, vocabSize, visionSize } = toy;
  const linear = (name: string, out: number, into: number): [string, number[]][] => [
    [`${name}.weight`, [out, into]],
    [`${name}.bias`, [out]],
  ];
  const norm = (name: string, size: number): [string, number[]][] => [
    [`${name}.weight`, [size]],
    [`${name}.bias`, [size]],
  ];
  const layer = (name: string, size: number, intermediate: number): [string, number[]][] => [
    ...norm(`${name}.norm1`, size),
    ...linear(`${name}.qkv`, 3 * size, size),
    ...linear(`${name}.proj`, size, size),
    ...norm(`${name}.norm2`, size),
    ...linear(`${name}.fc1`, intermediate, size),
    ...linear(`${name}.fc2`, size, intermediate),
  ];
  const layers = (tower: string, count: number, ...sizes: [number, number]): [string, number[]][] =>
    Array.from({ length: count }, (_, i) => layer(`${tower}.layers.${i}`, ...sizes)).flat();
  return {
    shapes: new Map<string, readonly number[]>([
      ...linear('vision.patch', visionSize, PATCH_ELEMENTS),
      ['vision.rows.weight', [GRID, visionSize]],
      ['vision.columns.weight', [GRID, visionSize]],
      ...layers('vision', toy.visionDepth, visionSize, 2 * visionSize),
      ...norm('vision.norm', visionSize),
      ...linear('vision.projector', hiddenSize, visionSize),
      ['text.embed.weight', [vocabSize, hiddenSize]],
      ...layers('text', toy.numLayers, hiddenSize, intermediateSize),
      ...norm('text.norm', hiddenSize),
      ...linear('text.head', vocabSize, hiddenSize),
    ]),
    spellings: (canonical) => [canonical],
    beyond: [`text.layers.${toy.numLayers}.norm1.weight`],
    eightBitPrefixes: ['vision.'],
  };
}

/** Every token's position is its slot. */
function positionTables(headDim: number): PositionTables {
  const frequencies = inverseFrequencies(ROPE_THETA, headDim);
  return {
    rowLength: headDim / 2,
    fillPrompt(cos, sin) {
      for (let i = 0; i < cos.length; i++) {
        const angle = Math.floor(i / frequencies.length) * (frequencies[i % frequencies.length] ?? 0);
        cos[i] = Math.cos(angle);
        sin[i] = Math.sin(angle);
      }
    },
  };
}

/** The row and the column of every patch. */
function visionInputs({ height, width }: PatchGrid): VisionInputs {
  const patches = Array.from({ length: height * width }, (_, i) => i);
  const index = (of: (patch: number) => number) => ({
    values: BigInt64Array.from(patches, (patch) => BigInt(of(patch))),
    dims: [patches.length],
  });
  return {
    [ROW_INDEX]: index((patch) => Math.floor(patch / width)),
    [COLUMN_INDEX]: index((patch) => patch % width),
  };
}
