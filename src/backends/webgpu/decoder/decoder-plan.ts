/**
 * The language model's forward pass as data: which kernels run over which buffers, for each regime. decoder-run.ts dispatches
 * these lists layer by layer.
 */
import { passStep, type PassStep } from '../gpu/pass.ts';
import type { SplitKLayer } from '../matmul/split-k-layer.ts';
import type { AttentionKernels, DecoderKernels, FusedKernels, GemmKernels } from './decoder-kernels.ts';

/** Buffers of the run (decoder-buffers.ts), the sequence and the weights. Names of a layer's buffers begin with `layer.`. */
export type DecoderOperand =
  | 'params'
  | 'embeds' // the run's input
  | 'hidden' // the residual stream
  | 'normed'
  | 'qkv'
  | 'attention'
  | 'intermediate'
  | 'kvPartials'
  | 'sums'
  | 'upPartialSums'
  | 'logits'
  | 'candidates'
  | 'token'
  | 'cos'
  | 'sin'
  | 'norm' // the last norm's weight
  | 'head'
  | LayerOperand;

/** Operands of one layer: its weights and its KV cache. */
export type LayerOperand =
  | 'layer.inputNorm'
  | 'layer.qkv'
  | 'layer.qkvBias'
  | 'layer.keys'
  | 'layer.values'
  | 'layer.output'
  | 'layer.attentionNorm'
  | 'layer.gate'
  | 'layer.up'
  | 'layer.down'
  | 'layer.nextNorm'; // the next layer's input norm, or the last norm

/** The row counts of a run. */
export type DecoderCount = 'tokens' | 'logitsRows';

/** A step of the pass. */
export type DecoderStep = PassStep<DecoderOperand, DecoderCount>;

/** A layer's steps, and those before the first layer. */
export interface LayerPlan {
  readonly before: readonly DecoderStep[];
  readonly layer: readonly DecoderStep[];
}

/** The attention kernel of a run. */
export type AttentionWay = 'decode' | 'prefill' | 'subgroupMatrix';

type Kernel = DecoderStep['kernel'];

function step(name: string, kernel: Kernel, operands: readonly DecoderOperand[]): DecoderStep {
  return passStep({ name, kernel, count: 'tokens', operands });
}

/** Embeddings into the residual stream. */
export function embeddingSteps({ embeddings }: DecoderKernels): readonly DecoderStep[] {
  return [{ ...step('embeddings', embeddings, ['embeds', 'hidden', 'params']), varying: 'embeds' }];
}

/** Attention, from rows of qkv to rows of attention; `isSplit`: whether to reduce KV splits. */
export function attentionSteps(kernels: AttentionKernels, way: AttentionWay, isSplit: boolean): readonly DecoderStep[] {
  const inputs = ['qkv', 'cos', 'sin', 'layer.keys', 'layer.values'] as const;
  const results = ['attention', 'kvPartials', 'params'] as const;
  const caching = step('cacheWrite', kernels.cacheWrite, [...inputs, 'params']);
  const reduce = isSplit ? [step('kvSplitReduce', kernels.kvSplitReduce, ['kvPartials', 'attention', 'params'])] : [];
  switch (way) {
    case 'decode':
      return [step('attention', kernels.decode, [...inputs, ...results]), ...reduce];
    case 'prefill':
      return [caching, step('attention', kernels.prefill, [...inputs, ...results]), ...reduce];
    case 'subgroupMatrix':
      if (kernels.subgroupMatrix === null) throw new RangeError('this device has no attention on subgroup matrices');
      return [caching, step('attention', kernels.subgroupMatrix, [...inputs, 'attention', 'params'])];
  }
}

/** GEMV and skinny GEMM with fused norms and SwiGLU. */
export function fusedPlan(kernels: FusedKernels, attention: readonly DecoderStep[]): LayerPlan {
  return {
    before: [],
    layer: [
      step('qkv', kernels.qkv, ['layer.qkv', 'hidden', 'qkv', 'layer.qkvBias', 'layer.inputNorm', 'params']),
      ...attention,
      step('output', kernels.output, ['layer.output', 'attention', 'hidden', 'params']),
      step('gateUp', kernels.gateUp, [
        'layer.gate',
        'layer.up',
        'hidden',
        'intermediate',
        'layer.attentionNorm',
        'params',
      ]),
      step('down', kernels.down, ['layer.down', 'intermediate', 'hidden', 'params']),
    ],
  };
}

/** Split-K: a reduction after each GEMM adds the bias, or updates the residual stream and normalises it for the next one. */
export function splitKPlan(kernels: SplitKLayer, attention: readonly DecoderStep[]): LayerPlan {
  return {
    before: [step('firstNorm', kernels.firstNorm, ['hidden', 'layer.inputNorm', 'normed', 'params'])],
    layer: [
      step('qkv', kernels.qkv, ['layer.qkv', 'normed', 'sums', 'params']),
      step('bias', kernels.bias, ['sums', 'layer.qkvBias', 'qkv', 'params']),
      ...attention,
      step('output', kernels.output, ['layer.output', 'attention', 'sums', 'params']),
      step('attentionNorm', kernels.attentionNorm, ['sums', 'hidden', 'layer.attentionNorm', 'normed', 'params']),
      step('gate', kernels.gateUp, ['layer.gate', 'normed', 'sums', 'params']),
      step('up', kernels.gateUp, ['layer.up', 'normed', 'upPartialSums', 'params']),
      step('swiglu', kernels.swiglu, ['sums', 'upPartialSums', 'intermediate', 'params']),
      step('down', kernels.down, ['layer.down', 'intermediate', 'sums', 'params']),
      step('nextNorm', kernels.nextNorm, ['sums', 'hidden', 'layer.nextNorm', 'normed', 'params']),
    ],
  };
}

/** GEMM: norms are separate kernels, SwiGLU is the epilogue of `up`. */
export function gemmPlan(kernels: GemmKernels, norm: Kernel, attention: readonly DecoderStep[]): LayerPlan {
  return {
    before: [],
    layer: [
      step('inputNorm', norm, ['hidden', 'layer.inputNorm', 'normed']),
      step('qkv', kernels.qkv, ['layer.qkv', 'normed', 'qkv', 'layer.qkvBias', 'params']),
      ...attention,
      step('output', kernels.output, ['layer.output', 'attention', 'hidden', 'params']),
      step('attentionNorm', norm, ['hidden', 'layer.attentionNorm', 'normed']),
      step('gate', kernels.gate, ['layer.gate', 'normed', 'intermediate', 'params']),
      step('up', kernels.up, ['layer.up', 'normed', 'intermediate', 'params']),
      step('down', kernels.down, ['layer.down', 'intermediate', 'hidden', 'params']),
    ],
  };
}

/** The last norm and the head, for `logitsRows` rows. */
export function headSteps(kernels: DecoderKernels, logitsRows: number): readonly DecoderStep[] {
  const { gemv, skinny, gemm, norm, skinnyTokens } = kernels;
  if (logitsRows === 1 || logitsRows <= skinnyTokens) {
    const head = logitsRows === 1 ? gemv.head : skinny.head;
    return [{ ...step('head', head, ['head', 'hidden', 'logits', 'norm', 'params']), count: 'logitsRows' }];
  }
  return [
    step('lastNorm', norm, ['hidden', 'norm', 'normed']),
    { ...step('head', gemm.head, ['head', 'normed', 'logits', 'params']), count: 'logitsRows' },
  ];
}

/** The arg max of each logits row. */
export function argMaxSteps({ argMaxCandidates, argMax }: DecoderKernels): readonly DecoderStep[] {
  return [
    { ...step('argMaxCandidates', argMaxCandidates, ['logits', 'candidates']), count: 'logitsRows' },
    { ...step('argMax', argMax, ['candidates', 'logits', 'token']), count: 'logitsRows', varying: 'token' },
  ];
}
