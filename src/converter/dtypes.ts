/**
 * The dtypes of `--dtype`: the storage of weights, and the activation types of the graphs.
 *
 * | dtype | matrices | other weights | activations |
 * | --- | --- | --- | --- |
 * | fp32 | f32 | f32 | f32 |
 * | fp16 | f16 | f16 | f16, f32 |
 * | q8 | 8 bits, blocks of 32, f16 scales | f16 | f16, f32 |
 * | q4 | 4 bits, some 8, blocks of 32, f32 scales | f32 | f32 |
 * | q4f16 | 4 bits, some 8, blocks of 32, f16 scales | f16 | f16, f32 |
 *
 * The architecture says which matrices keep 8 bits. If weights are stored in f16, the graph for f32 activations casts them once, at session creation.
 * docs/quantisation.md has what each choice costs in bytes and accuracy.
 */
import type { Precision } from '../onnx/precision.ts';
import { NamedError } from '../shared/errors.ts';

/** Every dtype the converter writes. */
export const DTYPES = ['fp32', 'fp16', 'q8', 'q4', 'q4f16'] as const;

/** One of {@link DTYPES}. */
export type Dtype = (typeof DTYPES)[number];

const PRECISIONS = {
  fp32: { bits: null, floats: 'f32', activations: ['f32'] },
  fp16: { bits: null, floats: 'f16', activations: ['f16', 'f32'] },
  q8: { bits: 8, floats: 'f16', activations: ['f16', 'f32'] },
  q4: { bits: 4, floats: 'f32', activations: ['f32'] },
  q4f16: { bits: 4, floats: 'f16', activations: ['f16', 'f32'] },
} as const satisfies Record<Dtype, Omit<Precision, 'eightBitPrefixes'>>;

/** How a dtype stores weights; `eightBitPrefixes`: prefixes of the canonical names of matrices that never have 4 bits. */
export function precisionOf(dtype: Dtype, eightBitPrefixes: readonly string[] = []): Precision {
  return { ...PRECISIONS[dtype], eightBitPrefixes };
}

/** Parses a dtype's name. Throws UsageError for any other string. */
export function parseDtype(name: string): Dtype {
  const dtype = DTYPES.find((known) => known === name);
  if (dtype === undefined) {
    throw new NamedError('UsageError', `Unknown dtype "${name}". Use one of: ${DTYPES.join(', ')}.`);
  }
  return dtype;
}
