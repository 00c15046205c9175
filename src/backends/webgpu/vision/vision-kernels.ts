/** The kernels of one vision tower. All compile when the session is made. */
import { VISION_EPSILON, type VisionConfig } from '../../../model/vision-config.ts';
import type { Compiled, Compiler } from '../gpu/compiler.ts';
import type { VisionFormats } from './loaded-vision.ts';
import { always, MANY, rowStep, type Step, tiledProducts } from '../matmul/select-gemm.ts';
import type { Tuning } from '../gpu/tuning.ts';
import type { Stored } from '../attention/cache-format.ts';
import { normKernel } from '../rows/text-rows.ts';
import {
  spanSource,
  TENSOR_ROWS,
  tensorAttentionFits,
  tensorAttentionKernel,
} from '../attention/subgroup-matrix-attention.ts';
import { visionAttentionKernel, visionAttentionSpec } from '../attention/vision-attention.ts';
import type { RowKernel } from '../gpu/kernel.ts';
import { featureKernel, packedRotaryKernel, patchKernel, rotaryKernel } from '../rows/vision-rows.ts';

/** Every kernel of a vision tower. Those of the merger count merge groups where others count patches. */
export interface VisionKernels {
  readonly patches: Step;
  readonly patchEmbed: Step;
  readonly norm: Step;
  readonly qkv: Step;
  readonly attention: VisionAttention;
  readonly output: Step;
  readonly gate: Step;
  readonly up: Step;
  readonly down: Step;
  /** Makes rows without gaps, so that a merge group's are one. */
  readonly mergerNorm: Step;
  readonly mergerInner: Step;
  readonly mergerOutput: Step;
  readonly features: Step;
}

/** Rotary positions, and attention over what they give. */
export interface VisionAttention {
  readonly rotary: Step;
  /** Where rotated queries, keys and values lie: in place, or packed as f16 in a buffer of their own, for matrix units. */
  readonly isPacked: boolean;
  /** One pipeline under two names. Workgroups: spans, heads. */
  readonly windows: Compiled;
  readonly whole: Compiled;
  /** Most queries of a span. */
  readonly queries: number;
}

/** What the kernels are made for. */
interface Wanted {
  readonly vision: VisionConfig;
  readonly stored: Stored;
  readonly tuning: Tuning;
  /** Bytes of workgroup memory the device has. */
  readonly workgroupBytes: number;
}

/** Compiles the kernels for a tower whose blocks are all alike. Throws RuntimeUnavailableError when the device refuses one. */
export async function compileVision(
  compiler: Compiler,
  { block, patchEmbed, mergerInner, mergerOutput }: VisionFormats,
  { vision, stored, tuning, workgroupBytes }: Wanted,
): Promise<VisionKernels> {
  const { hiddenSize } = vision;
  const product = tiledProducts(compiler, MANY, tuning.tile, workgroupBytes);
  const rows = (kernel: RowKernel): Promise<Step> => rowStep(compiler, kernel);
  const norm = async (label: string, gapless: boolean): Promise<Step> =>
    always(await compiler.compile(normKernel(label, hiddenSize, VISION_EPSILON, gapless)), (count) => [count]);
  const bias = true;
  const [patches, patchEmbedProduct, plainNorm, qkv, attention, output, gate, up, down, ...merger] = await Promise.all([
    rows(patchKernel(vision)),
    product({ label: 'vision patch_embed', matrix: patchEmbed, epilogue: 'store' }),
    norm('vision norm', false),
    product({ label: 'vision qkv', matrix: block.qkv, epilogue: 'store', bias }),
    compileAttention(compiler, vision, tuning.visionQueries, workgroupBytes),
    product({ label: 'vision proj', matrix: block.output, epilogue: 'add', bias }),
    product({ label: 'vision gate', matrix: block.gate, epilogue: 'store', bias }),
    product({ label: 'vision up', matrix: block.up, epilogue: 'gate', bias }),
    product({ label: 'vision down', matrix: block.down, epilogue: 'add', bias }),
    norm('vision norm, merger', true),
    product({ label: 'vision merger, inner', matrix: mergerInner, epilogue: 'gelu', bias }),
    product({ label: 'vision merger, output', matrix: mergerOutput, epilogue: 'store', bias }),
    rows(featureKernel(vision.outHiddenSize, stored)),
  ]);
  const [mergerNorm, inner, outer, features] = merger;
  return {
    patches,
    patchEmbed: patchEmbedProduct,
    norm: plainNorm,
    qkv,
    attention,
    output,
    gate,
    up,
    down,
    mergerNorm,
    mergerInner: inner,
    mergerOutput: outer,
    features,
  };
}

/** Attention on matrix units where the device has them, else of spans of at most `mostQueries`. */
async function compileAttention(
  compiler: Compiler,
  vision: VisionConfig,
  mostQueries: number,
  workgroupBytes: number,
): Promise<VisionAttention> {
  const made = (rotary: Step, windows: Compiled, queries: number, isPacked: boolean): VisionAttention => {
    return { rotary, isPacked, windows, whole: { ...windows, label: 'vision attention, whole image' }, queries };
  };
  const fits = tensorAttentionFits(vision.headDim, workgroupBytes);
  const onUnits = await compiler.subgroupMatrices.compile(fits, async () => {
    const windows = await compiler.compile(tensorAttentionKernel(spanSource(vision)));
    return made(await rowStep(compiler, packedRotaryKernel(vision)), windows, TENSOR_ROWS, true);
  });
  if (onUnits !== null) return onUnits;
  const spec = visionAttentionSpec(vision, mostQueries, workgroupBytes);
  const windows = await compiler.compile(visionAttentionKernel(spec));
  return made(await rowStep(compiler, rotaryKernel(vision)), windows, spec.queries, false);
}
