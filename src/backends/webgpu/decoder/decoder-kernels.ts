/** The kernels of one language model, compiled as select.ts chooses. All are compiled when the model is loaded. */
import type { TextConfig } from '../../../model/text-config.ts';
import type { Stored } from '../attention/cache-format.ts';
import { decodeAttentionKernel } from '../attention/decode-attention.ts';
import { kvSplitReduceGrid, kvSplitReduceKernel } from '../attention/kv-split-reduce.ts';
import { attentionGrid, prefillAttentionKernel } from '../attention/prefill-attention.ts';
import { cacheWriteKernel } from '../attention/rotary.ts';
import { type DecoderAttention, selectDecoderAttention } from '../attention/select.ts';
import { causalSource, subgroupMatrixAttentionKernel } from '../attention/subgroup-matrix-attention.ts';
import type { Compiler } from '../gpu/compiler.ts';
import { compileRows, sized, type SizedKernel } from '../gpu/sized-kernel.ts';
import { compileGemm, compileGemv } from '../matmul/compile.ts';
import { type GemvOperation, type KernelTarget, leastGemmTokens, selectSkinnyTokens } from '../matmul/select.ts';
import { compileSplitK, type SplitKLayer } from '../matmul/split-k-layer.ts';
import { ARG_MAX_CANDIDATES, argMaxKernels, embeddingToResidualKernel, normKernel } from '../rows/text-rows.ts';
import type { DecoderFormats } from './loaded-decoder.ts';

/** GEMV (one token) and skinny GEMM (a few) of a layer and the head, with RMSNorm and SwiGLU fused. */
export interface FusedKernels {
  readonly qkv: SizedKernel;
  readonly output: SizedKernel;
  readonly gateUp: SizedKernel;
  readonly down: SizedKernel;
  readonly head: SizedKernel;
}

/** The same as GEMM, where RMSNorm is a separate kernel. */
export interface GemmKernels {
  readonly qkv: SizedKernel;
  readonly output: SizedKernel;
  readonly gate: SizedKernel;
  readonly up: SizedKernel;
  readonly down: SizedKernel;
  readonly head: SizedKernel;
}

/** Attention. */
export interface AttentionKernels {
  readonly choice: DecoderAttention;
  /** Rotates new keys and writes them and their values into the cache. */
  readonly cacheWrite: SizedKernel;
  /** One token; writes the cache itself. */
  readonly decode: SizedKernel;
  readonly prefill: SizedKernel;
  /** A prefill over the whole cache; null if the device does not support it. */
  readonly subgroupMatrix: SizedKernel | null;
  readonly kvSplitReduce: SizedKernel;
}

/** Every kernel of a model. */
export interface DecoderKernels {
  readonly gemv: FusedKernels;
  readonly skinny: FusedKernels;
  /** Most tokens of the skinny regime. */
  readonly skinnyTokens: number;
  /** In order of tokens; null if rows have padding. */
  readonly splitK: readonly SplitKLayer[] | null;
  readonly gemm: GemmKernels;
  readonly attention: AttentionKernels;
  /** Embeddings into the residual stream. */
  readonly embeddings: SizedKernel;
  readonly norm: SizedKernel;
  readonly argMaxCandidates: SizedKernel;
  readonly argMax: SizedKernel;
}

/** What the kernels are compiled for. */
export interface DecoderKernelConfig {
  readonly text: TextConfig;
  /** The type of the embeddings, the cache and the rotary tables. */
  readonly stored: Stored;
  readonly target: KernelTarget;
}

/** Compiles the kernels for a model with identical layers. Throws RuntimeUnavailableError when the device refuses one. */
export async function compileDecoder(
  compiler: Compiler,
  formats: DecoderFormats,
  config: DecoderKernelConfig,
): Promise<DecoderKernels> {
  const { text, stored, target } = config;
  const { hiddenSize, rmsNormEps, vocabSize } = text;
  const argMax = argMaxKernels(vocabSize);
  // Concurrently: a browser compiles on several threads.
  const [gemv, skinny, splitK, gemm, attention, embeddings, norm, candidates, best] = await Promise.all([
    compileFused(compiler, formats, config, 1),
    compileFused(compiler, formats, config, target.tuning.columns),
    compileSplitK(compiler, formats.layer, text, target),
    compileGemms(compiler, formats, target),
    compileAttention(compiler, config),
    compileRows(compiler, embeddingToResidualKernel(hiddenSize, stored)),
    compiler.compile(normKernel({ label: 'norm', cols: hiddenSize, epsilon: rmsNormEps })),
    compiler.compile(argMax.candidates),
    compiler.compile(argMax.best),
  ]);
  return {
    gemv,
    skinny,
    skinnyTokens: selectSkinnyTokens(Object.values(formats.layer), target),
    splitK,
    gemm,
    attention,
    embeddings,
    norm: sized(norm, (tokens) => [tokens]),
    argMaxCandidates: sized(candidates, (rows) => [ARG_MAX_CANDIDATES, rows]),
    argMax: sized(best, (rows) => [rows]),
  };
}

async function compileAttention(
  compiler: Compiler,
  { text, stored, target }: DecoderKernelConfig,
): Promise<AttentionKernels> {
  const { numHeads, numKvHeads, headDim } = text;
  const choice = selectDecoderAttention({ numHeads, numKvHeads, headDim, stored }, target);
  const { prefill, decode, decodeTile, subgroupMatrixTokens } = choice;
  const caching = cacheWriteKernel(prefill);
  const withSubgroupMatrices = async (tokens: number): Promise<SizedKernel> => {
    const compiled = await compiler.compile(subgroupMatrixAttentionKernel(causalSource(decode)));
    return sized(compiled, (count) => [Math.ceil(count / tokens), numKvHeads]);
  };
  const [subgroupMatrix, cacheWrite, decodeStep, tiled, reduce] = await Promise.all([
    subgroupMatrixTokens === null
      ? null
      : compiler.subgroupMatrices.compile(true, () => withSubgroupMatrices(subgroupMatrixTokens)),
    compiler.compile(caching.kernel),
    compiler.compile(decodeAttentionKernel(decode, decodeTile)),
    compiler.compile(prefillAttentionKernel(prefill)),
    compiler.compile(kvSplitReduceKernel(prefill)),
  ]);
  return {
    choice,
    cacheWrite: sized(cacheWrite, (tokens) => [caching.groups(tokens)]),
    decode: sized(decodeStep, (_, splits) => [1, numKvHeads, splits]),
    prefill: sized(tiled, (tokens, splits) => attentionGrid(prefill, tokens, splits)),
    subgroupMatrix,
    kvSplitReduce: sized(reduce, (tokens) => kvSplitReduceGrid(prefill, tokens)),
  };
}

async function compileFused(
  compiler: Compiler,
  { layer, head }: DecoderFormats,
  { text, target }: DecoderKernelConfig,
  columns: number,
): Promise<FusedKernels> {
  const gemv = (spec: GemvOperation): Promise<SizedKernel> => compileGemv(compiler, spec, columns, target);
  const normEpsilon = text.rmsNormEps;
  const [qkv, output, gateUp, down, headProduct] = await Promise.all([
    gemv({ label: 'qkv', matrices: [layer.qkv], epilogue: 'store', bias: true, normEpsilon }),
    gemv({ label: 'o_proj', matrices: [layer.output], epilogue: 'add' }),
    gemv({ label: 'gate, up', matrices: [layer.gate, layer.up], epilogue: 'swiglu', normEpsilon }),
    gemv({ label: 'down', matrices: [layer.down], epilogue: 'add' }),
    gemv({ label: 'head', matrices: [head], epilogue: 'store', normEpsilon, logitsRowsOnly: true }),
  ]);
  return { qkv, output, gateUp, down, head: headProduct };
}

async function compileGemms(
  compiler: Compiler,
  { layer, head: headMatrix }: DecoderFormats,
  target: KernelTarget,
): Promise<GemmKernels> {
  const least = leastGemmTokens(Object.values(layer));
  const [qkv, output, gate, up, down, head] = await Promise.all([
    compileGemm(compiler, { label: 'qkv, GEMM', matrix: layer.qkv, epilogue: 'store', bias: true }, least, target),
    compileGemm(compiler, { label: 'o_proj, GEMM', matrix: layer.output, epilogue: 'add' }, least, target),
    compileGemm(compiler, { label: 'gate, GEMM', matrix: layer.gate, epilogue: 'store' }, least, target),
    compileGemm(compiler, { label: 'up, GEMM', matrix: layer.up, epilogue: 'swiglu' }, least, target),
    compileGemm(compiler, { label: 'down, GEMM', matrix: layer.down, epilogue: 'add' }, least, target),
    // Verifying a draft needs the logits of a few rows of any run.
    compileGemm(
      compiler,
      { label: 'head, GEMM', matrix: headMatrix, epilogue: 'store', logitsRowsOnly: true },
      1,
      target,
    ),
  ]);
  return { qkv, output, gate, up, down, head };
}
