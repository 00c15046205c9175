/** Deliberately wrong kernels: the change in the WGSL, and the case that must catch it. */
import type { Kernel } from '../../../src/backends/webgpu/gpu/kernel.ts';

/** One mistake. */
export interface PlantedFault {
  readonly what: string;
  /** Name of the case. */
  readonly caught: string;
  readonly from: string | RegExp;
  readonly to: string;
}

/** Typical mistakes of every kind in writing a kernel. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    what: 'wrong scale: neighbours swapped',
    caught: 'GEMV, q8 with f16 scales: one token more than columns, onto the residual; sums by workgroup memory',
    from: '[i & 1u]',
    to: '[(i + 1u) & 1u]',
  },
  {
    what: 'dropped barrier before the multiplication',
    caught: 'GEMM, q4 with f16 scales: odd sizes, bias and GELU',
    from: 'workgroupBarrier();',
    to: '',
  },
  {
    what: 'bound off by one row',
    caught: 'GEMM, f32: a token and a row past a tile, onto the residual',
    from: /< 33u/g,
    to: '< 34u',
  },
  {
    what: 'wrong zero point in f16',
    caught: 'GEMM in f16, q4 with f16 scales: one token',
    from: '- 1032.0h',
    to: '- 1031.0h',
  },
  {
    what: 'a split summed twice instead of the next',
    caught: 'GEMM, f16: split-K with a shorter last split, odd sizes',
    from: /let begin = wg\.z \* (\d+)u;/,
    to: 'let begin = wg.z * 0u * $1u;',
  },
  {
    what: 'residual stream not written back',
    caught: 'split-K reduction, residual and RMSNorm to f32: one token, one split',
    from: /hidden\[first \+ [^\]]*\] = v\d+;/g,
    to: '',
  },
  {
    what: 'causal mask off by one',
    caught: 'prefill attention, f32: a token past a tile',
    from: 'slot <= params.past',
    to: 'slot < params.past',
  },
  {
    what: 'cached keys of another head',
    caught: 'decode attention, f16: the first of a tile, groups of three heads',
    from: 'let cached = head * params.capacity;',
    to: 'let cached = 0u;',
  },
  {
    what: 'swapped sign of a running maximum',
    caught: 'KV split reduction: more splits than threads take at once, heads that are not multiples of eight quads',
    from: 'exp(before - most)',
    to: 'exp(most - before)',
  },
  {
    what: 'swapped sign of a rotation',
    caught: 'cache write, f16: tokens past a workgroup, behind others',
    from: 'a * c - b * s',
    to: 'a * c + b * s',
  },
  {
    what: 'numbers behind the last input kept',
    caught: 'transpose, f16: odd sizes, all at once',
    from: /if \(input >= placement\.w\) \{ return 0u; \}/,
    to: '',
  },
  {
    what: 'the last of equals instead of the first',
    caught: 'arg max, candidates: the first of equals, infinities and NaN passed over',
    from: /value == most && column < best/g,
    to: 'value == most && column > best',
  },
  {
    what: 'fragments of the matrix transposed',
    caught: 'GEMM on subgroup matrices, q4 with f16 scales: odd sizes, bias and GELU; tile 32 x 32',
    from: /col_major/g,
    to: 'row_major',
  },
  {
    what: 'outliers of SwiGLU not clamped to f16',
    caught:
      'GEMM on subgroup matrices, q8 with f32 scales: the gate times up, zero, large and small rows, some clamped to f16; ' +
      'tile 32 x 32',
    from: /clamp\((.*), -65504\.0, 65504\.0\)/g,
    to: '$1',
  },
  {
    what: 'the same step prefetched again instead of the next',
    caught: 'split-K on subgroup matrices, q4 with f16 scales: split-K of equal splits, odd sizes; X f32',
    from: /\(step \+ 1u\)/g,
    to: 'step',
  },
  {
    what: 'partial sums of every split in the same place',
    caught: 'split-K on subgroup matrices, f32: split-K in wide tiles, zero, large and small rows; X f16',
    from: 'wg.z * padded + first_token',
    to: 'first_token',
  },
];

/** The kernel with the mistake in it. Throws Error where the kernel no longer contains the text to change. */
export function withFault({ what, from, to }: PlantedFault, kernel: Kernel): Kernel {
  const code = kernel.code.replace(from, to);
  if (code === kernel.code) throw new Error(`"${what}" cannot be planted in ${kernel.label}: its WGSL has changed`);
  return { ...kernel, code };
}
