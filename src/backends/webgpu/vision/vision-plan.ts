/** The vision tower's pass as data: which kernels run over which buffers. vision-run.ts dispatches these lists block by block. */
import { passStep, type PassStep } from '../gpu/pass.ts';
import type { VisionKernels } from './vision-kernels.ts';

/** Buffers of the run (vision-buffers.ts) and the weights. Names of a block's weights begin with `layer.`; a matrix excludes its bias. */
export type VisionOperand =
  | 'patchParams'
  | 'groupParams'
  | 'pixels'
  | 'normalised'
  | 'windowIndex'
  | 'patches'
  | 'hidden' // the residual stream
  | 'normed'
  | 'qkv'
  | 'packed'
  | 'attention'
  | 'intermediate'
  | 'cos'
  | 'sin'
  | 'windowSpans'
  | 'imageSpans'
  | 'merged'
  | 'mergedOutput'
  | 'features' // the run's result
  | 'patchEmbed'
  | 'mergerNorm'
  | 'mergerIntermediate'
  | 'mergerIntermediateBias'
  | 'mergerOutput'
  | 'mergerOutputBias'
  | BlockOperand;

/** A block's weights. */
export type BlockOperand =
  | 'layer.attentionNorm'
  | 'layer.mlpNorm'
  | `layer.${'qkv' | 'output' | 'gate' | 'up' | 'down'}${'' | 'Bias'}`;

/** The row counts of a run. */
export type VisionCount = 'patches' | 'groups' | 'windowSpans' | 'imageSpans';

/** A step of the pass. */
export type VisionStep = PassStep<VisionOperand, VisionCount>;

type Kernel = VisionStep['kernel'];

function step(name: string, kernel: Kernel, count: VisionCount, operands: readonly VisionOperand[]): VisionStep {
  return passStep({ name, kernel, count, operands });
}

/** Embeds the image's patches, in window order. */
export function patchSteps({ patches, patchEmbed }: VisionKernels): readonly VisionStep[] {
  return [
    step('patches', patches, 'patches', ['pixels', 'normalised', 'windowIndex', 'patches', 'patchParams']),
    step('patchEmbed', patchEmbed, 'patches', ['patchEmbed', 'patches', 'hidden', 'patchParams']),
  ];
}

/** A block; `isFull`: attention over the whole image instead of windows. */
export function blockSteps(kernels: VisionKernels, isFull: boolean): readonly VisionStep[] {
  const { norm, attention: kernelsOfAttention } = kernels;
  const { rotary, isPacked, windows, whole } = kernelsOfAttention;
  const gemm = (name: 'qkv' | 'output' | 'gate' | 'up' | 'down', x: VisionOperand, y: VisionOperand): VisionStep =>
    step(name, kernels[name], 'patches', [`layer.${name}`, x, y, `layer.${name}Bias`, 'patchParams']);
  const spans = isFull ? 'imageSpans' : 'windowSpans';
  return [
    step('attentionNorm', norm, 'patches', ['hidden', 'layer.attentionNorm', 'normed']),
    gemm('qkv', 'normed', 'qkv'),
    step('rotary', rotary, 'patches', ['qkv', 'cos', 'sin', ...(isPacked ? (['packed'] as const) : []), 'patchParams']),
    step('attention', isFull ? whole : windows, spans, ['packed', spans, 'attention']),
    gemm('output', 'attention', 'hidden'),
    step('mlpNorm', norm, 'patches', ['hidden', 'layer.mlpNorm', 'normed']),
    gemm('gate', 'normed', 'intermediate'),
    gemm('up', 'normed', 'intermediate'),
    gemm('down', 'intermediate', 'hidden'),
  ];
}

/** Turns merge groups into features, in image order. */
export function mergerSteps({
  mergerNorm,
  mergerIntermediate,
  mergerOutput,
  features,
}: VisionKernels): readonly VisionStep[] {
  const [intermediate, output] = ['mergerIntermediate', 'mergerOutput'] as const;
  return [
    step('mergerNorm', mergerNorm, 'patches', ['hidden', 'mergerNorm', 'normed']),
    step(intermediate, mergerIntermediate, 'groups', [
      intermediate,
      'normed',
      'merged',
      `${intermediate}Bias`,
      'groupParams',
    ]),
    step(output, mergerOutput, 'groups', [output, 'merged', 'mergedOutput', `${output}Bias`, 'groupParams']),
    {
      ...step('features', features, 'groups', ['mergedOutput', 'windowIndex', 'features', 'groupParams']),
      varying: 'features',
    },
  ];
}
