/** A checkpoint of random weights for the toy architecture, in memory. */
import { readFileSync } from 'node:fs';
import type { FileSource } from '../../../src/shared/files.ts';
import { pseudoRandom } from '../../../src/shared/pseudo-random.ts';
import { f32File, folder } from '../../converter/safetensors-fixture.ts';
import { TOY_CONFIG, TOY_VL } from './toy-vl.ts';

/** Tensors of a checkpoint, row by row. */
export type Weights = ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>;

/** Random weights that keep activations near one. */
export async function randomWeights(): Promise<Weights> {
  const random = pseudoRandom();
  const { checkpoint } = await TOY_VL.fromCheckpoint(TOY_CONFIG, undefined).conversion();
  return new Map(
    [...checkpoint.shapes].map(([name, shape]) => {
      const isNormWeight = /norm\d?\.weight$/.test(name);
      const scale = shape.length === 1 ? 0.2 : 2 / Math.sqrt(shape.at(-1) ?? 1);
      const values = random(shape.reduce((a, b) => a * b, 1)).map((value) => (isNormWeight ? 1 : 0) + scale * value);
      return [name, { shape, values }] as const;
    }),
  );
}

/** The checkpoint folder of these weights, with the tokenizer and prompts of a golden checkpoint. */
export function toyCheckpoint(weights: Weights): FileSource {
  const language = (file: string): string =>
    readFileSync(new URL(`../../golden/tiny/interleaved-f32/checkpoint/${file}`, import.meta.url), 'utf8');
  const tensors = [...weights].map(
    ([name, { shape, values }]) => [name, { shape: [...shape], values: [...values] }] as const,
  );
  return folder(
    {
      'config.json': JSON.stringify({ model_type: TOY_VL.modelType, architectures: [TOY_VL.className], ...TOY_CONFIG }),
      'preprocessor_config.json': '{}',
      'tokenizer.json': language('tokenizer.json'),
      'tokenizer_config.json': language('tokenizer_config.json'),
      'prompts.json': language('prompts.json'),
      'model.safetensors': f32File(Object.fromEntries(tensors)),
    },
    'toy',
  );
}
