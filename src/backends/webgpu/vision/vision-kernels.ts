/** The kernels of one vision tower, compiled as select.ts chooses. All are compiled when the model is loaded. */
import { VISION_EPSILON, type VisionConfig } from '../../../model/vision-config.ts';
import type { Stored } from '../attention/cache-format.ts';
import { selectVisionAttention, type VisionAttentionOption } from '../attention/select.ts';
import { spanSource, subgroupMatrixAttentionKernel } from '../attention/subgroup-matrix-attention.ts';
import { visionAttentionKernel } from '../attention/vision-attention.ts';
import type { Compiled, Compiler } from '../gpu/compiler.ts';
import type { RowKernel } from '../gpu/kernel.ts';
import { compileRows, sized, type SizedKernel } from '../gpu/sized-kernel.ts';
import { compileGemm, MANY } from '../matmul/compile.ts';
import type { GemmOperation } from '../matmul/gemm.ts';
import type { KernelTarget } from '../matmul/select.ts';
import { normKernel } from '../rows/text-rows.ts';
import { featureKernel, packedRotaryKernel, patchKernel, rotaryKernel } from '../rows/vision-rows.ts';
import type { VisionFormats } from './loaded-vision.ts';

/** Every kernel of a vision tower. The merger's kernels count merge groups, the others patches. */
export interface VisionKernels {
  readonly patches: SizedKernel;
  readonly patchEmbed: SizedKernel;
  readonly norm: SizedKernel;
  readonly qkv: SizedKernel;
  readonly attention: VisionAttention;
  readonly output: SizedKernel;
  readonly gate: SizedKernel;
  readonly up: SizedKernel;
  readonly down: SizedKernel;
  /** Writes rows without padding, so that the rows of a merge group form one row. */
  readonly mergerNorm: SizedKernel;
  readonly mergerIntermediate: SizedKernel;
  readonly mergerOutput: SizedKernel;
  readonly features: SizedKernel;
}

/** Rotary positions, and attention over the rotated rows. */
export interface VisionAttention {
  readonly rotary: SizedKernel;
  /** Whether rotated queries, keys and values are packed as f16 in a separate buffer, for subgroup matrices; else they stay in place. */
  readonly isPacked: boolean;
  /** One pipeline under two names, to time them separately. It counts spans. */
  readonly windows: SizedKernel;
  readonly whole: SizedKernel;
  /** Most queries per span. */
  readonly queries: number;
}

/** What the kernels are compiled for. */
export interface VisionKernelConfig {
  readonly vision: VisionConfig;
  /** Type of the features. */
  readonly stored: Stored;
  readonly target: KernelTarget;
}

/** Compiles the kernels for a tower with identical blocks. Throws RuntimeUnavailableError when the device refuses one. */
export async function compileVision(
  compiler: Compiler,
  { block, patchEmbed, mergerIntermediate, mergerOutput }: VisionFormats,
  { vision, stored, target }: VisionKernelConfig,
): Promise<VisionKernels> {
  const { hiddenSize: cols, outHiddenSize } = vision;
  const gemm = (spec: GemmOperation): Promise<SizedKernel> => compileGemm(compiler, spec, MANY, target);
  const rows = (kernel: RowKernel): Promise<SizedKernel> => compileRows(compiler, kernel);
  const norm = async (label: string, gapless: boolean): Promise<SizedKernel> => {
    const compiled = await compiler.compile(normKernel({ label, cols, epsilon: VISION_EPSILON, gapless }));
    return sized(compiled, (count) => [count]);
  };
  const bias = true;
  const [patches, embed, blockNorm, qkv, attention, output, gate, up, down, ...merger] = await Promise.all([
    rows(patchKernel(vision)),
    gemm({ label: 'vision patch_embed', matrix: patchEmbed, epilogue: 'store' }),
    norm('vision norm', false),
    gemm({ label: 'vision qkv', matrix: block.qkv, epilogue: 'store', bias }),
    compileAttention(compiler, vision, target),
    gemm({ label: 'vision proj', matrix: block.output, epilogue: 'add', bias }),
    gemm({ label: 'vision gate', matrix: block.gate, epilogue: 'store', bias }),
    gemm({ label: 'vision up', matrix: block.up, epilogue: 'swiglu', bias }),
    gemm({ label: 'vision down', matrix: block.down, epilogue: 'add', bias }),
    norm('vision norm, merger', true),
    gemm({ label: 'vision merger, intermediate', matrix: mergerIntermediate, epilogue: 'gelu', bias }),
    gemm({ label: 'vision merger, output', matrix: mergerOutput, epilogue: 'store', bias }),
    rows(featureKernel(outHiddenSize, stored)),
  ]);
  const [mergerNorm, intermediate, outer, features] = merger;
  return {
    patches,
    patchEmbed: embed,
    norm: blockNorm,
    qkv,
    attention,
    output,
    gate,
    up,
    down,
    mergerNorm,
    mergerIntermediate: intermediate,
    mergerOutput: outer,
    features,
  };
}

/** Compiles the first attention option that the device accepts. */
async function compileAttention(
  compiler: Compiler,
  vision: VisionConfig,
  target: KernelTarget,
): Promise<VisionAttention> {
  for (const option of selectVisionAttention(vision, target)) {
    const attention =
      option.arithmetic === 'subgroup matrices'
        ? await compiler.subgroupMatrices.compile(true, () => compileOption(compiler, vision, option))
        : await compileOption(compiler, vision, option);
    if (attention !== null) return attention;
  }
  throw new RangeError('the last option of attention is always available');
}

async function compileOption(
  compiler: Compiler,
  vision: VisionConfig,
  option: VisionAttentionOption,
): Promise<VisionAttention> {
  const isPacked = option.arithmetic === 'subgroup matrices';
  const source = isPacked ? subgroupMatrixAttentionKernel(spanSource(vision)) : visionAttentionKernel(option.spec);
  const [compiled, rotary] = await Promise.all([
    compiler.compile(source),
    compileRows(compiler, isPacked ? packedRotaryKernel(vision) : rotaryKernel(vision)),
  ]);
  const overSpans = (one: Compiled): SizedKernel => sized(one, (spans) => [spans, vision.numHeads]);
  return {
    rotary,
    isPacked,
    windows: overSpans(compiled),
    whole: overSpans({ ...compiled, label: 'vision attention, whole image' }),
    queries: option.queries,
  };
}
