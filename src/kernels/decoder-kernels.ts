/**
 * The kernels of one language model: which product is made how. Three ways, by the number of tokens: `step` for one, `few`
 * for as many as one reading of the weights serves well, `many` in tiles. All compile when the session is made.
 */
import type { TextGeometry } from '../model/text-geometry.ts';
import type { Compiled, Compiler } from './compiler.ts';
import type { LoadedDecoder } from './loaded-decoder.ts';
import { type Step, tiledProducts } from './tiled-product.ts';
import type { Tuning } from './tuning.ts';
import { attentionBytes, attentionKernel, type AttentionSpec, cacheKernel, combineKernel } from './wgsl/attention.ts';
import { stepAttentionKernel } from './wgsl/step-attention.ts';
import type { Stored } from './wgsl/cache-format.ts';
import { type Epilogue, matvecBytes, matvecGrid, matvecKernel, type MatvecSpec } from './wgsl/matvec.ts';
import { argMaxKernels, loadKernel, normKernel } from './wgsl/rowwise.ts';
import type { MatrixFormat } from './wgsl/weight-reader.ts';

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
  readonly many: TiledProducts;
  readonly load: Step;
  readonly norm: Step;
  readonly cache: Step;
  readonly stepAttention: Compiled;
  readonly attention: Compiled;
  readonly combine: Compiled;
  readonly argMaxParts: Compiled;
  readonly argMax: Compiled;
  /** What attention was made for. */
  readonly attentionSpec: AttentionSpec;
}

/** What the kernels are made for. */
export interface Wanted {
  readonly text: TextGeometry;
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
  loaded: LoadedDecoder,
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
  const load = loadKernel(hiddenSize, stored);
  const argMax = argMaxKernels(vocabSize);
  const compile = compiler.compile.bind(compiler);
  const [step, few, many] = await Promise.all([
    fusedProducts(compiler, loaded, wanted, 1),
    fusedProducts(compiler, loaded, wanted, tuning.columns),
    productsOfMany(compiler, loaded, wanted),
  ]);
  return {
    step,
    few,
    many,
    attentionSpec,
    load: { compiled: await compile(load.kernel), grid: (tokens) => [load.groups, tokens] },
    norm: { compiled: await compile(normKernel('norm', hiddenSize, rmsNormEps)), grid: (tokens) => [tokens] },
    cache: { compiled: await compile(cache.kernel), grid: (tokens) => [cache.groups(tokens)] },
    stepAttention: await compile(stepAttentionKernel(attentionSpec)),
    attention: await compile(attentionKernel(attentionSpec)),
    combine: await compile(combineKernel(attentionSpec)),
    argMaxParts: await compile(argMax.parts),
    argMax: await compile(argMax.whole),
  };
}

async function fusedProducts(
  compiler: Compiler,
  { layer, head }: LoadedDecoder,
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
    product('head', [head.format], 'store', {
      normEpsilon,
      wantedOnly: true,
      rowsPerThread: tuning.headRowsPerThread,
    }),
  ]);
  return { qkv, output, gateUp, down, head: headProduct };
}

/** What a fused product is like before it is tuned. */
type UntunedProduct = Pick<MatvecSpec, 'label' | 'matrices' | 'epilogue'> & Partial<MatvecSpec>;

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
    subgroupSize,
    ...untuned,
    label: columns === 1 ? untuned.label : `${untuned.label}, few`,
  };
  // What does not fit into the device's workgroup memory is done for fewer tokens, then by fewer threads at once.
  while (matvecBytes(spec) > workgroupBytes && spec.columns > 1)
    spec = { ...spec, columns: Math.ceil(spec.columns / 2) };
  while (matvecBytes(spec) > workgroupBytes && spec.threads > spec.threadsPerRow) {
    spec = { ...spec, threads: spec.threads / 2 };
  }
  const atOnce = spec.columns;
  const compiled = await compiler.compile(matvecKernel(spec));
  const [x, y] = matvecGrid(spec);
  return { compiled, grid: (tokens) => [x, y, Math.ceil(tokens / atOnce)] };
}

async function productsOfMany(
  compiler: Compiler,
  { layer, head }: LoadedDecoder,
  { tuning, workgroupBytes }: Wanted,
): Promise<TiledProducts> {
  const product = tiledProducts(compiler, tuning.tile, workgroupBytes);
  const [qkv, output, gate, up, down, headProduct] = await Promise.all([
    product({ label: 'qkv, many', matrix: layer.qkv, epilogue: 'store', bias: true }),
    product({ label: 'o_proj, many', matrix: layer.output, epilogue: 'add' }),
    product({ label: 'gate, many', matrix: layer.gate, epilogue: 'store' }),
    product({ label: 'up, many', matrix: layer.up, epilogue: 'gate' }),
    product({ label: 'down, many', matrix: layer.down, epilogue: 'add' }),
    product({ label: 'head, many', matrix: head.format, epilogue: 'store', wantedOnly: true }),
  ]);
  return { qkv, output, gate, up, down, head: headProduct };
}
