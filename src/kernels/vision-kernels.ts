/** The kernels of one vision tower. All compile when the session is made. */
import { VISION_EPSILON, type VisionGeometry } from '../model/vision-geometry.ts';
import type { Compiled, Compiler } from './compiler.ts';
import type { LoadedVision } from './loaded-vision.ts';
import { type Step, tiledProducts } from './tiled-product.ts';
import type { Tuning } from './tuning.ts';
import type { Stored } from './wgsl/cache-format.ts';
import { normKernel } from './wgsl/rowwise.ts';
import { visionAttentionKernel, type VisionAttentionSpec, visionAttentionSpec } from './wgsl/vision-attention.ts';
import { featureKernel, patchKernel, rotaryKernel, type RowKernel } from './wgsl/vision-rows.ts';

/** Every kernel of a vision tower. Those of the merger count merge groups where others count patches. */
export interface VisionKernels {
  readonly patches: Step;
  readonly patchEmbed: Step;
  readonly norm: Step;
  readonly qkv: Step;
  readonly rotary: Step;
  /** One pipeline under two names. */
  readonly windowAttention: Compiled;
  readonly fullAttention: Compiled;
  readonly attentionSpec: VisionAttentionSpec;
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

/** What the kernels are made for. */
interface Wanted {
  readonly vision: VisionGeometry;
  readonly stored: Stored;
  readonly tuning: Tuning;
  /** Bytes of workgroup memory the device has. */
  readonly workgroupBytes: number;
}

/** Compiles the kernels for a tower whose blocks are all alike. Throws RuntimeUnavailableError when the device refuses one. */
export async function compileVision(
  compiler: Compiler,
  { block, patchEmbed, mergerInner, mergerOutput }: LoadedVision,
  { vision, stored, tuning, workgroupBytes }: Wanted,
): Promise<VisionKernels> {
  const { hiddenSize } = vision;
  const attentionSpec = visionAttentionSpec(vision, tuning.visionQueries, workgroupBytes);
  const product = tiledProducts(compiler, tuning.tile, workgroupBytes);
  const rows = async ({ kernel, groups }: RowKernel): Promise<Step> => ({
    compiled: await compiler.compile(kernel),
    grid: (count) => [groups, count],
  });
  const norm = async (label: string, gapless: boolean): Promise<Step> => ({
    compiled: await compiler.compile(normKernel(label, hiddenSize, VISION_EPSILON, gapless)),
    grid: (count) => [count],
  });
  const bias = true;
  const [patches, patchEmbedProduct, plainNorm, qkv, rotary, windowAttention, output, gate, up, down] =
    await Promise.all([
      rows(patchKernel(patchEmbed.format.cols, vision.spatialMergeSize ** 2)),
      product({ label: 'vision patch_embed', matrix: patchEmbed.format, epilogue: 'store' }),
      norm('vision norm', false),
      product({ label: 'vision qkv', matrix: block.qkv, epilogue: 'store', bias }),
      rows(rotaryKernel(vision)),
      compiler.compile(visionAttentionKernel(attentionSpec)),
      product({ label: 'vision proj', matrix: block.output, epilogue: 'add', bias }),
      product({ label: 'vision gate', matrix: block.gate, epilogue: 'store', bias }),
      product({ label: 'vision up', matrix: block.up, epilogue: 'gate', bias }),
      product({ label: 'vision down', matrix: block.down, epilogue: 'add', bias }),
    ]);
  const [mergerNorm, inner, outer, features] = await Promise.all([
    norm('vision norm, merger', true),
    product({ label: 'vision merger, inner', matrix: mergerInner.format, epilogue: 'gelu', bias }),
    product({ label: 'vision merger, output', matrix: mergerOutput.format, epilogue: 'store', bias }),
    rows(featureKernel(vision.outHiddenSize, stored)),
  ]);
  return {
    patches,
    patchEmbed: patchEmbedProduct,
    norm: plainNorm,
    qkv,
    rotary,
    windowAttention,
    fullAttention: { ...windowAttention, label: 'vision attention, whole image' },
    attentionSpec,
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
