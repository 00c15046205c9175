/** The compiled split-K GEMMs of a layer and their reductions. */
import type { TextConfig } from '../../../model/text-config.ts';
import type { DecoderFormats } from '../decoder/loaded-decoder.ts';
import type { Compiler } from '../gpu/compiler.ts';
import type { Kernel } from '../gpu/kernel.ts';
import { compileRows, sized, type SizedKernel } from '../gpu/sized-kernel.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import { gemmF16Kernel } from './gemm-f16.ts';
import { gemmKernel, type GemmTile } from './gemm.ts';
import { type PartialSums, partialSumLength, splitKGrid } from './partial-sums.ts';
import {
  canSplitK,
  gemmSplits,
  type KernelTarget,
  selectSplitK,
  type SplitKOption,
  subgroupMatrixSplitKTile,
} from './select.ts';
import { reduceBiasKernel, reduceNormKernel, reduceSwigluKernel } from './split-k-reduce.ts';
import { splitKKernel } from './split-k.ts';

/** The kernels of a layer for up to `upTo` tokens. A reduction follows each GEMM. */
export interface SplitKLayer {
  readonly upTo: number;
  /** RMSNorm before the first layer, which has nothing to reduce. */
  readonly firstNorm: SizedKernel;
  readonly qkv: SizedKernel;
  readonly bias: SizedKernel;
  readonly output: SizedKernel;
  readonly attentionNorm: SizedKernel;
  /** For gate and up, whose formats are equal. */
  readonly gateUp: SizedKernel;
  readonly swiglu: SizedKernel;
  readonly down: SizedKernel;
  /** Reduces the layer's last GEMM and applies the next layer's RMSNorm. */
  readonly nextNorm: SizedKernel;
  /** f32 numbers of partial sums: of the largest GEMM, and of `up`, whose sums coexist with the gate's. */
  partialSums(tokens: number): { readonly sums: number; readonly upPartialSums: number };
}

/** A layer's matrices. */
export type SplitKMatrices = Pick<DecoderFormats['layer'], 'qkv' | 'output' | 'gate' | 'down'>;

/** The GEMMs of one arithmetic and tile size. */
interface SplitKGemms {
  sums(matrix: MatrixFormat): PartialSums;
  /** The kernel; `isPacked`: whether X is packed f16, where the arithmetic supports it. */
  kernel(label: string, matrix: MatrixFormat, isPacked: boolean): Kernel;
  /** The matrix whose order a reduction packs its result in; null if GEMMs read f32. */
  packedFor(matrix: MatrixFormat): MatrixFormat | null;
}

/**
 * Compiles the kernels, in order of tokens; null unless {@link canSplitK}.
 * Throws RuntimeUnavailableError when the device refuses a kernel that needs no subgroup matrices.
 */
export async function compileSplitK(
  compiler: Compiler,
  matrices: SplitKMatrices,
  text: Pick<TextConfig, 'hiddenSize' | 'rmsNormEps'>,
  target: KernelTarget,
): Promise<readonly SplitKLayer[] | null> {
  const { qkv, output, gate, down } = matrices;
  const all = [qkv, output, gate, down];
  if (!canSplitK(all)) return null;
  const layers = (option: SplitKOption): Promise<readonly SplitKLayer[]> =>
    Promise.all(gemmsOf(option).map((one) => compileLayer(compiler, matrices, text, one)));
  for (const option of selectSplitK(all, target)) {
    const compiled =
      option.arithmetic === 'subgroup matrices'
        ? await compiler.subgroupMatrices.compile(true, () => layers(option))
        : await layers(option);
    if (compiled !== null) return compiled;
  }
  throw new RangeError('the last option of split-K is always available');
}

/** The GEMMs of each tile size of an option. */
function gemmsOf(option: SplitKOption): readonly { readonly upTo: number; readonly gemms: SplitKGemms }[] {
  switch (option.arithmetic) {
    case 'subgroup matrices':
      return option.tiles.map(({ upTo, tile }) => ({ upTo, gemms: subgroupMatrixGemms(tile) }));
    case 'f16':
      return option.tiles.map(({ upTo, tile }) => ({ upTo, gemms: tiledGemms(tile, gemmF16Kernel) }));
    case 'f32':
      return option.tiles.map(({ upTo, tile }) => ({ upTo, gemms: tiledGemms(tile, gemmKernel) }));
  }
}

function subgroupMatrixGemms(tokens: number): SplitKGemms {
  return {
    sums: (matrix) => ({ matrix, ...subgroupMatrixSplitKTile(matrix, tokens) }),
    kernel: (label, matrix, isPacked) =>
      splitKKernel({ label, matrix, x: isPacked ? 'f16' : 'f32', ...subgroupMatrixSplitKTile(matrix, tokens) }),
    packedFor: (matrix) => matrix,
  };
}

function tiledGemms(tile: GemmTile, source: typeof gemmKernel): SplitKGemms {
  return {
    sums: (matrix) => ({ matrix, tile, splits: gemmSplits(matrix, tile) }),
    kernel: (label, matrix) => source({ label, matrix, epilogue: 'store', tile, splits: gemmSplits(matrix, tile) }),
    packedFor: () => null,
  };
}

async function compileLayer(
  compiler: Compiler,
  { qkv, output, gate, down }: SplitKMatrices,
  { hiddenSize: cols, rmsNormEps: epsilon }: Pick<TextConfig, 'hiddenSize' | 'rmsNormEps'>,
  { upTo, gemms }: { readonly upTo: number; readonly gemms: SplitKGemms },
): Promise<SplitKLayer> {
  const { sums, kernel, packedFor } = gemms;
  const gemm = async (label: string, matrix: MatrixFormat, isPacked = true): Promise<SizedKernel> => {
    const compiled = await compiler.compile(kernel(`${label}, split-K`, matrix, isPacked));
    return sized(compiled, (tokens) => splitKGrid(sums(matrix), tokens));
  };
  const norm = async (before: MatrixFormat | null, next: MatrixFormat): Promise<SizedKernel> => {
    const spec = { sums: before === null ? null : sums(before), cols, epsilon, packedFor: packedFor(next) };
    return sized(await compiler.compile(reduceNormKernel(spec)), (tokens) => [tokens]);
  };
  const [firstNorm, attentionNorm, nextNorm, bias, swiglu, ...compiled] = await Promise.all([
    norm(null, qkv),
    norm(output, gate),
    norm(down, qkv),
    compileRows(compiler, reduceBiasKernel(sums(qkv))),
    compileRows(compiler, reduceSwigluKernel(sums(gate), packedFor(down))),
    gemm('qkv', qkv),
    gemm('o_proj', output, false),
    gemm('gate, up', gate),
    gemm('down', down),
  ]);
  const [qkvProduct, outputProduct, gateUp, downProduct] = compiled;
  return {
    upTo,
    firstNorm,
    attentionNorm,
    nextNorm,
    bias,
    swiglu,
    qkv: qkvProduct,
    output: outputProduct,
    gateUp,
    down: downProduct,
    partialSums: (tokens) => ({
      upPartialSums: partialSumLength(sums(gate), tokens),
      sums: Math.max(...[qkv, output, gate, down].map((matrix) => partialSumLength(sums(matrix), tokens))),
    }),
  };
}
