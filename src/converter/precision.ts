/**
 * What `--dtype` means: how weights are stored, and for which activation types graphs are written.
 *
 * | dtype | matrices | other weights | activations |
 * | --- | --- | --- | --- |
 * | fp32 | f32 | f32 | f32 |
 * | fp16 | f16 | f16 | f16, f32 |
 * | q8 | 8 bits, blocks of 32, f16 scales | f16 | f16, f32 |
 * | q4 | 4 bits, the vision tower's 8, blocks of 32, f32 scales | f32 | f32 |
 * | q4f16 | 4 bits, the vision tower's 8, blocks of 32, f16 scales | f16 | f16, f32 |
 *
 * Where weights are stored in f16, the graph for f32 activations casts them once, at session creation.
 * docs/quantisation.md has what each choice costs in bytes and accuracy.
 */
import { QUANT_BLOCK } from '../model/quantization.ts';
import { NamedError } from '../shared/errors.ts';

/** Every dtype the converter writes. */
export const DTYPES = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const;

/** One of {@link DTYPES}. */
export type Dtype = (typeof DTYPES)[number];

/** The type of activations, and of stored floats. */
export type FloatType = 'f32' | 'f16';

/** What a {@link Dtype} stands for. */
export interface Precision {
  /** Bits of a quantised matrix; null: matrices are stored as `floats`. */
  readonly bits: 4 | 8 | null;
  /** What the canonical names of matrices that keep 8 bits begin with, where the others have 4. */
  readonly keptAtEight: readonly string[];
  /** Storage of scales and of everything that is not quantised. */
  readonly floats: FloatType;
  /** Activation types a graph is written for, best first. */
  readonly activations: readonly FloatType[];
}

/**
 * The vision tower: with 4 bits it makes most of the whole model's error. It is a twelfth of VisionThink's weights, and no
 * decode step reads it.
 */
const VISION_TOWER = ['visual.'];

/** Elements that share one scale. */
export const BLOCK_SIZE = QUANT_BLOCK;

/** The meaning of each dtype. */
export const PRECISIONS = {
  fp32: { bits: null, keptAtEight: [], floats: 'f32', activations: ['f32'] },
  fp16: { bits: null, keptAtEight: [], floats: 'f16', activations: ['f16', 'f32'] },
  q8: { bits: 8, keptAtEight: [], floats: 'f16', activations: ['f16', 'f32'] },
  q4: { bits: 4, keptAtEight: VISION_TOWER, floats: 'f32', activations: ['f32'] },
  q4f16: { bits: 4, keptAtEight: VISION_TOWER, floats: 'f16', activations: ['f16', 'f32'] },
} as const satisfies Record<Dtype, Precision>;

/** Bits of the matrix that a checkpoint's tensor of this canonical name goes into; null: it is stored as floats. */
export function matrixBits({ bits, keptAtEight }: Precision, tensor: string): 4 | 8 | null {
  return bits === 4 && keptAtEight.some((beginning) => tensor.startsWith(beginning)) ? 8 : bits;
}

/** Parses a dtype's name. Throws UsageError for any other string. */
export function parseDtype(name: string): Dtype {
  const dtype = DTYPES.find((known) => known === name);
  if (dtype === undefined) {
    throw new NamedError('UsageError', `Unknown dtype "${name}". Use one of: ${DTYPES.join(', ')}.`);
  }
  return dtype;
}
