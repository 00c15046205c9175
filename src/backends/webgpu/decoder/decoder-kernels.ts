/**
 * The kernels of one language model: which product is made how. Four ways, by the number of tokens: `step` for one, `few`
 * for as many as a few readings of the weights serve well, `split` in parts, `many` in tiles. All compile when the session is
 * made.
 */
import type { TextConfig } from '../../../model/text-config.ts';
import type { Compiled, Compiler } from '../gpu/compiler.ts';
import type { DecoderFormats } from './loaded-decoder.ts';
import { canSplit, MOST_SPLIT_TOKENS, type SplitLayer, splitLayers } from '../matmul/split-k-layer.ts';
import { always, rowStep, type Step, tiledProducts } from '../matmul/select-gemm.ts';
import type { Tuning } from '../gpu/tuning.ts';
import { attentionBytes, attentionKernel, type AttentionSpec, cacheKernel } from '../attention/prefill-attention.ts';
import { combineKernel } from '../attention/kv-split-reduce.ts';
import {
  causalSource,
  causalTokens,
  tensorAttentionFits,
  tensorAttentionKernel,
} from '../attention/subgroup-matrix-attention.ts';
import { stepAttentionKernel, stepAttentionTile } from '../attention/decode-attention.ts';
import type { Stored } from '../attention/cache-format.ts';
import { type Epilogue, matvecBytes, matvecGrid, matvecKernel, type MatvecSpec } from '../matmul/gemv.ts';
import { argMaxKernels, loadKernel, normKernel } from '../rows/text-rows.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';

/** The products of a layer and the head, with norms in front, for one token or a few. */
export interface FusedProducts {
  readonly qkv: Step;
  readonly output: Step;
  readonly gateUp: Step;
  readonly down: Step;
  readonly head: Step;
}

/** The same for many tokens, norms apart. */
export interface TiledProducts {
  readonly qkv: Step;
  readonly output: Step;
  readonly gate: Step;
  readonly up: Step;
  readonly down: Step;
  readonly head: Step;
}

/** Every kernel of a model. */
export interface DecoderKernels {
  readonly step: FusedProducts;
  readonly few: FusedProducts;
  /** More tokens than these are no longer few. */
  readonly fewTokens: number;
  /** A layer's products for the next more tokens, fewer tokens first; null where rows have padding. */
  readonly split: readonly SplitLayer[] | null;
  readonly many: TiledProducts;
  readonly load: Step;
  readonly norm: Step;
  readonly cache: Step;
  readonly stepAttention: Compiled;
  readonly attention: Compiled;
  /** The same on matrix units where the cache is not computed in parts; null without. */
  readonly tensorAttention: Step | null;
  readonly combine: Compiled;
  readonly argMaxParts: Compiled;
  readonly argMax: Compiled;
  /** What attention was made for. */
  readonly attentionSpec: AttentionSpec;
  /** Parts of the cache in a step are multiples of so many tokens. */
  readonly stepTile: number;
}

/** What the kernels are made for. */
export interface Wanted {
  readonly text: TextConfig;
  readonly stored: Stored;
  readonly tuning: Tuning;
  /** The size all subgroups have, null where there are none or of several sizes. */
  readonly subgroupSize: number | null;
  /** Bytes of workgroup memory the device has. */
  readonly workgroupBytes: number;
}

/** Compiles the kernels for a model whose layers are all alike. Throws RuntimeUnavailableError when the device refuses one. */
export async function compileDecoder(
  compiler: Compiler,
  formats: DecoderFormats,
  wanted: Wanted,
): Promise<DecoderKernels> {
  const { text, stored, tuning, workgroupBytes } = wanted;
  const { hiddenSize, numHeads, numKvHeads, headDim, rmsNormEps, vocabSize } = text;
  const sizes = { numHeads, numKvHeads, headDim, stored };
  let attentionSpec: AttentionSpec = { ...sizes, tokens: tuning.attentionTokens };
  const rows = (spec: AttentionSpec): number => spec.tokens * (numHeads / numKvHeads);
  while (attentionSpec.tokens > 1 && (attentionBytes(attentionSpec) > workgroupBytes || rows(attentionSpec) > 64)) {
    attentionSpec = { ...attentionSpec, tokens: attentionSpec.tokens - 1 };
  }
  const cache = cacheKernel(attentionSpec);
  const stepTile = stepAttentionTile(sizes, workgroupBytes);
  const argMax = argMaxKernels(vocabSize);
  const compile = compiler.compile.bind(compiler);
  const isInF16 =
    compiler.subgroupMatrices.present || (compiler.hasF16 && Object.values(formats.layer).every(isQuantized));
  // All at once: a browser compiles on several threads.
  const [step, few, split, many, load, tensorAttention, norm, caching, ...others] = await Promise.all([
    fusedProducts(compiler, formats, wanted, 1),
    fusedProducts(compiler, formats, wanted, tuning.columns),
    splitLayers(compiler, formats.layer, text, { wantedSide: tuning.tile, workgroupBytes }),
    productsOfMany(compiler, formats, wanted),
    rowStep(compiler, loadKernel(hiddenSize, stored)),
    causalAttention(compiler, sizes, workgroupBytes),
    compile(normKernel('norm', hiddenSize, rmsNormEps)),
    compile(cache.kernel),
    compile(stepAttentionKernel(sizes, stepTile)),
    compile(attentionKernel(attentionSpec)),
    compile(combineKernel(attentionSpec)),
    compile(argMax.parts),
    compile(argMax.whole),
  ]);
  const [stepAttention, attention, combine, argMaxParts, argMaxWhole] = others;
  return {
    step,
    few,
    fewTokens: isInF16 ? tuning.fewTokensInF16 : tuning.fewTokens,
    split,
    many,
    attentionSpec,
    stepTile,
    load,
    norm: always(norm, (tokens) => [tokens]),
    cache: always(caching, (tokens) => [cache.groups(tokens)]),
    stepAttention,
    attention,
    tensorAttention,
    combine,
    argMaxParts,
    argMax: argMaxWhole,
  };
}

async function causalAttention(
  compiler: Compiler,
  spec: Omit<AttentionSpec, 'tokens'>,
  workgroupBytes: number,
): Promise<Step | null> {
  const tokens = causalTokens(spec);
  const suits = spec.stored === 'f16' && tokens > 0 && tensorAttentionFits(spec.headDim, workgroupBytes);
  return compiler.subgroupMatrices.compile(suits, async () => {
    const compiled = await compiler.compile(tensorAttentionKernel(causalSource(spec)));
    return always(compiled, (count) => [Math.ceil(count / tokens), spec.numKvHeads]);
  });
}

async function fusedProducts(
  compiler: Compiler,
  { layer, head }: DecoderFormats,
  { text, tuning, subgroupSize, workgroupBytes }: Wanted,
  columns: number,
): Promise<FusedProducts> {
  const product = (
    label: string,
    matrices: readonly MatrixFormat[],
    epilogue: Epilogue,
    more: Partial<MatvecSpec> = {},
  ): Promise<Step> =>
    fusedProduct(compiler, { tuning, subgroupSize, workgroupBytes }, columns, { label, matrices, epilogue, ...more });
  const normEpsilon = text.rmsNormEps;
  const [qkv, output, gateUp, down, headProduct] = await Promise.all([
    product('qkv', [layer.qkv], 'store', { bias: true, normEpsilon }),
    product('o_proj', [layer.output], 'add'),
    product('gate, up', [layer.gate, layer.up], 'swiglu', { normEpsilon }),
    product('down', [layer.down], 'add'),
    product('head', [head], 'store', {
      normEpsilon,
      wantedOnly: true,
    }),
  ]);
  return { qkv, output, gateUp, down, head: headProduct };
}

/** What a fused product is like before it is tuned. */
type UntunedProduct = Pick<MatvecSpec, 'label' | 'matrices' | 'epilogue'> & Partial<MatvecSpec>;

/** How threads share a product of many rows, or of several tokens: both keep them busy by themselves. */
export function wideShares(tuning: Tuning): Pick<MatvecSpec, 'threadsPerRow' | 'threads' | 'blocksAhead'> {
  return { threadsPerRow: tuning.wideThreadsPerRow, threads: tuning.wideThreads, blocksAhead: tuning.wideBlocksAhead };
}

/** Compiles a product of one token or a few, of as many at once as the device's workgroup memory holds. */
export async function fusedProduct(
  compiler: Compiler,
  { tuning, subgroupSize, workgroupBytes }: Pick<Wanted, 'tuning' | 'subgroupSize' | 'workgroupBytes'>,
  columns: number,
  untuned: UntunedProduct,
): Promise<Step> {
  let spec: MatvecSpec = {
    columns,
    rowsPerThread: tuning.rowsPerThread,
    threadsPerRow: tuning.threadsPerRow,
    threads: tuning.matvecThreads,
    blocksAhead: tuning.blocksAhead,
    subgroupSize,
    ...(columns > 1 || (untuned.matrices[0]?.rows ?? 0) >= tuning.wideRows ? wideShares(tuning) : {}),
    ...untuned,
    label: columns === 1 ? untuned.label : `${untuned.label}, few`,
  };
  // What does not fit into the device's workgroup memory has fewer blocks on their way, is done for fewer tokens, then by fewer threads at once.
  while (matvecBytes(spec) > workgroupBytes && spec.blocksAhead > 1)
    spec = { ...spec, blocksAhead: Math.ceil(spec.blocksAhead / 2) };
  while (matvecBytes(spec) > workgroupBytes && spec.columns > 1)
    spec = { ...spec, columns: Math.ceil(spec.columns / 2) };
  while (matvecBytes(spec) > workgroupBytes && spec.threads > spec.threadsPerRow) {
    spec = { ...spec, threads: spec.threads / 2 };
  }
  const atOnce = spec.columns;
  const compiled = await compiler.compile(matvecKernel(spec));
  const [x, y] = matvecGrid(spec);
  return always(compiled, (tokens) => [x, y, Math.ceil(tokens / atOnce)]);
}

async function productsOfMany(
  compiler: Compiler,
  { layer, head }: DecoderFormats,
  { tuning, workgroupBytes }: Wanted,
): Promise<TiledProducts> {
  const product = tiledProducts(compiler, canSplit(layer) ? MOST_SPLIT_TOKENS + 1 : 1, tuning.tile, workgroupBytes);
  const ofAny = tiledProducts(compiler, 1, tuning.tile, workgroupBytes);
  const [qkv, output, gate, up, down, headProduct] = await Promise.all([
    product({ label: 'qkv, many', matrix: layer.qkv, epilogue: 'store', bias: true }),
    product({ label: 'o_proj, many', matrix: layer.output, epilogue: 'add' }),
    product({ label: 'gate, many', matrix: layer.gate, epilogue: 'store' }),
    product({ label: 'up, many', matrix: layer.up, epilogue: 'gate' }),
    product({ label: 'down, many', matrix: layer.down, epilogue: 'add' }),
    ofAny({ label: 'head, many', matrix: head, epilogue: 'store', wantedOnly: true }),
  ]);
  return { qkv, output, gate, up, down, head: headProduct };
}
