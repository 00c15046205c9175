/** Cases of causal attention: prefill, decode, on subgroup matrices, and the cache write. */
import { decodeAttentionKernel } from '../attention/decode-attention.ts';
import { attentionGrid, prefillAttentionKernel } from '../attention/prefill-attention.ts';
import { causalSource, causalTokens, subgroupMatrixAttentionKernel } from '../attention/subgroup-matrix-attention.ts';
import { cacheWriteKernel } from '../attention/rotary.ts';
import type { Stored } from '../attention/cache-format.ts';
import { type AttentionProblem, attentionRun, cacheBuffers } from './attention-problem.ts';
import type { KernelCase } from './kernel-case.ts';

/** For an f32 cache: the exponential of a score in the hundreds loses the bits of its integer part. */
const TOLERANCE = 4e-5;
/** For an f16 cache: allows for a different rounding of the new tokens' keys and values. */
const TOLERANCE_F16 = 1e-3;
/** On subgroup matrices, where queries and weights are rounded to f16, too. */
const TOLERANCE_MATRICES = 4e-3;

interface AttentionCase extends Omit<AttentionProblem, 'stored'> {
  readonly what: string;
}

const SMALL = { numHeads: 4, numKvHeads: 2, headDim: 16, capacity: 80 } as const;
const ODD = { numHeads: 6, numKvHeads: 2, headDim: 48, capacity: 140 } as const;

/** With 1 to 3 query tokens per workgroup. A tile has 64 cached tokens. */
const PREFILL: readonly (AttentionCase & { readonly queryTokens: number })[] = [
  { ...SMALL, what: 'a token past a tile', queryTokens: 2, past: 0, tokens: 65 },
  { ...ODD, what: 'behind a cache, groups of three heads', queryTokens: 1, past: 70, tokens: 5 },
  { ...SMALL, what: 'one token of a cache that was empty', queryTokens: 2, past: 0, tokens: 1 },
  {
    ...ODD,
    what: 'three KV splits, the last of which few tokens see',
    queryTokens: 3,
    past: 124,
    tokens: 7,
    chunk: 64,
  },
  {
    ...SMALL,
    what: 'scores so large that one key has all the weight',
    queryTokens: 2,
    past: 3,
    tokens: 6,
    sharpness: 30,
  },
];

const DECODE: readonly (AttentionCase & { readonly tile: number })[] = [
  { ...SMALL, what: 'the first token of all', tile: 8, past: 0, tokens: 1 },
  { ...ODD, what: 'the first of a tile, groups of three heads', tile: 16, past: 32, tokens: 1 },
  { ...SMALL, what: 'the second of a tile, one head a key', numKvHeads: 4, tile: 32, past: 33, tokens: 1 },
  { ...ODD, what: 'three KV splits, the last of one token', tile: 16, past: 64, tokens: 1, chunk: 32 },
  { ...SMALL, what: 'scores so large that one key has all the weight', tile: 8, past: 12, tokens: 1, sharpness: 30 },
];

const CACHE: readonly AttentionCase[] = [
  { ...SMALL, what: 'one token', past: 0, tokens: 1 },
  { ...ODD, what: 'tokens past a workgroup, behind others', past: 9, tokens: 23 },
  { ...SMALL, what: 'zero, large and small numbers, the last slot', past: 76, tokens: 4, sharpness: 30 },
];

/** A workgroup has 64 rows of queries, and takes 32 keys at a time. */
const ON_MATRICES: readonly AttentionCase[] = [
  { ...ODD, what: 'tokens past a workgroup and a tile of keys', past: 0, tokens: 33 },
  { ...ODD, what: 'behind a cache', headDim: 128, past: 70, tokens: 5 },
  { ...SMALL, what: 'one token', past: 0, tokens: 1 },
  { ...SMALL, what: 'zero, large and small scores', past: 3, tokens: 6, sharpness: 3 },
];

/** Every case of causal attention. */
export function attentionCases(): readonly KernelCase[] {
  return (['f16', 'f32'] as const).flatMap((type) => [
    ...CACHE.map((one) => cacheCase(one, type)),
    ...PREFILL.map((one) => prefillCase(one, type)),
    ...DECODE.map((one) => decodeCase(one, type)),
    ...(type === 'f16' ? ON_MATRICES.map(matricesCase) : []),
  ]);
}

function toleranceOf(type: Stored): number {
  return type === 'f16' ? TOLERANCE_F16 : TOLERANCE;
}

function cacheCase(one: AttentionCase, type: Stored): KernelCase {
  const problem = { ...one, stored: type };
  return {
    name: `cache write, ${type}: ${one.what}`,
    needs: {},
    tolerance: toleranceOf(type),
    make() {
      const run = attentionRun(problem);
      const { kernel, groups } = cacheWriteKernel({ ...problem, tokens: 1 });
      return {
        kernel,
        buffers: [...run.inputs, ...cacheBuffers(run, problem, true), run.params],
        grid: [groups(one.tokens)],
      };
    },
  };
}

function prefillCase({ queryTokens, ...one }: (typeof PREFILL)[number], type: Stored): KernelCase {
  const problem = { ...one, stored: type };
  return {
    name: `prefill attention, ${type}: ${one.what}`,
    needs: {},
    tolerance: toleranceOf(type),
    make() {
      const run = attentionRun(problem);
      const spec = { ...problem, tokens: queryTokens };
      return {
        kernel: prefillAttentionKernel(spec),
        buffers: [...run.inputs, ...cacheBuffers(run, problem, false), ...run.results, run.params],
        grid: attentionGrid(spec, one.tokens, run.splits),
      };
    },
  };
}

function decodeCase({ tile, ...one }: (typeof DECODE)[number], type: Stored): KernelCase {
  const problem = { ...one, stored: type };
  return {
    name: `decode attention, ${type}: ${one.what}`,
    needs: {},
    tolerance: toleranceOf(type),
    make() {
      const run = attentionRun(problem);
      return {
        kernel: decodeAttentionKernel(problem, tile),
        buffers: [...run.inputs, ...cacheBuffers(run, problem, true), ...run.results, run.params],
        grid: [1, one.numKvHeads, run.splits],
      };
    },
  };
}

function matricesCase(one: AttentionCase): KernelCase {
  const problem = { ...one, stored: 'f16' } as const;
  return {
    name: `prefill attention on subgroup matrices, f16: ${one.what}`,
    needs: { f16: true, subgroupMatrices: true, workgroupBytes: 32_768 },
    tolerance: TOLERANCE_MATRICES,
    make() {
      const run = attentionRun(problem);
      return {
        kernel: subgroupMatrixAttentionKernel(causalSource(problem)),
        buffers: [...run.inputs, ...cacheBuffers(run, problem, false), ...run.results.slice(0, 1), run.params],
        grid: [Math.ceil(one.tokens / causalTokens(problem)), one.numKvHeads],
      };
    },
  };
}
