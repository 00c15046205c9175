/**
 * A layer's products for some tokens, in parts (split-K): which tiles, how many parts, and the kernels that put the parts
 * together. For more tokens than are done one by one, and fewer than keep a device busy in tiles of outputs.
 */
import type { TextConfig } from '../../../model/text-config.ts';
import type { Compiler } from '../gpu/compiler.ts';
import type { DecoderFormats } from '../decoder/loaded-decoder.ts';
import { haveNoPadding, type ScratchSize } from '../decoder/decoder-buffers.ts';
import { always, rowStep, type Step } from './select-gemm.ts';
import type { Kernel } from '../gpu/kernel.ts';
import { halvesMatmulKernel, halvesTileBytes } from './gemm-f16.ts';
import { matmulKernel, type Tile, tileBytes } from './gemm.ts';
import { splitKGrid, type SplitSums, sumsLength } from './partial-sums.ts';
import { type SplitK, splitKBytes, splitKKernel, type SplitKTile } from './split-k.ts';
import { biasSumKernel, gatedSumKernel, normSumKernel } from './split-k-reduce.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';

/** Up to so many tokens are done in parts. */
export const MOST_SPLIT_TOKENS = 128;

/** Tokens of a tile on matrix units, and those up to which it is used: the fastest on an H100 at the shapes of Qwen2.5-VL (docs/log.md). */
const TENSOR_TILES: readonly { readonly upTo: number; readonly tokens: number }[] = [
  { upTo: 32, tokens: 32 },
  { upTo: MOST_SPLIT_TOKENS, tokens: 64 },
];
/** Tiles without matrix units. */
type PlainTiles = readonly { readonly upTo: number; readonly tile: Tile }[];
/** The fastest in f16, for codes. */
const HALVES_TILES: PlainTiles = [
  { upTo: 16, tile: { tokens: 16, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
  { upTo: 32, tile: { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
  { upTo: MOST_SPLIT_TOKENS, tile: { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 } },
];
/** The fastest in f32. */
const PLAIN_TILES: PlainTiles = [
  { upTo: 32, tile: { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 } },
  { upTo: MOST_SPLIT_TOKENS, tile: { tokens: 64, rows: 32, tokensPerThread: 8, rowsPerThread: 4, depth: 8 } },
];
/** For less workgroup memory. */
const SMALL_TILES: PlainTiles = [
  { upTo: MOST_SPLIT_TOKENS, tile: { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 } },
];

/** Workgroups that keep a device busy, on matrix units and without: parts are as many as it takes to get there. */
const TENSOR_WORKGROUPS = 200;
const PLAIN_WORKGROUPS = 800;
/** Parts at most: each is written once and read once more. */
const MOST_PARTS = 16;
/** Matrices with so many inputs, as `down` has, are faster with wider tiles for up to 32 tokens on matrix units. */
const LONG_ROWS = 8192;

/** The kernels of a layer for up to so many tokens. Between a product and the next stands what puts its parts together. */
export interface SplitLayer {
  readonly upTo: number;
  /** RMSNorm in front of the first layer, which has nothing to put together. */
  readonly firstNorm: Step;
  readonly qkv: Step;
  readonly bias: Step;
  readonly output: Step;
  readonly attentionNorm: Step;
  readonly gate: Step;
  readonly up: Step;
  readonly gated: Step;
  readonly down: Step;
  /** The last layer's sums, and RMSNorm in front of the next. */
  readonly nextNorm: Step;
  /** Room for the parts' sums. */
  sums(tokens: number): Pick<ScratchSize, 'sums' | 'upSums'>;
}

/** What a layer's products are, before they are shared out. */
export type SplitMatrices = Pick<DecoderFormats['layer'], 'qkv' | 'output' | 'gate' | 'down'>;

/** What a device and a tuning allow. */
export interface TileLimits {
  /** Most tokens of a tile without matrix units. */
  readonly wantedSide: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
}

/** Whether a layer can be computed in parts: rows must have no padding. */
export function canSplit(matrices: SplitMatrices): boolean {
  return haveNoPadding(Object.values(matrices).flatMap(({ rows, cols }) => [rows, cols]));
}

/** Parts of a matrix' inputs, a power of two: every part has one of `steps` at least. */
function partsOf(tiles: number, steps: number, workgroups: number): number {
  const most = Math.min(MOST_PARTS, 2 ** Math.floor(Math.log2(steps)));
  return Math.min(most, 2 ** Math.max(0, Math.ceil(Math.log2(workgroups / tiles))));
}

/** How a matrix is shared out for tiles of so many tokens on matrix units. */
export function splitKTile({ rows, cols }: MatrixFormat, tokens: number): SplitKTile {
  const blocks = Math.ceil(cols / 32);
  const depth = blocks % 2 === 0 ? 2 : 1;
  const wide = cols >= LONG_ROWS && tokens <= 32;
  const tileRows = wide ? 128 : 64;
  const parts = partsOf(Math.ceil(rows / tileRows), blocks / depth, TENSOR_WORKGROUPS);
  return { tokens, rows: tileRows, subgroups: depth === 1 && !wide ? 2 : 4, depth, parts };
}

/** The same without: how many parts a matrix has in such tiles. */
export function plainParts({ rows, cols }: MatrixFormat, tile: Tile): number {
  const steps = (Math.ceil(cols / 32) * 8) / tile.depth;
  return partsOf(Math.ceil(rows / tile.rows), steps, PLAIN_WORKGROUPS);
}

/**
 * Compiles them, for fewer tokens first, on matrix units or in f16 where the device has them, else in tiles with at most the wanted side; null where
 * they {@link canSplit} not. Throws RuntimeUnavailableError when the device refuses a kernel that needs no matrix units.
 */
export async function splitLayers(
  compiler: Compiler,
  matrices: SplitMatrices,
  text: Pick<TextConfig, 'hiddenSize' | 'rmsNormEps'>,
  { wantedSide, workgroupBytes }: TileLimits,
): Promise<readonly SplitLayer[] | null> {
  if (!canSplit(matrices)) return null;
  const all = Object.values(matrices);
  const bytes = TENSOR_TILES.flatMap(({ tokens }) => all.map((matrix) => splitKBytes(splitKTile(matrix, tokens))));
  const layer = (upTo: number, making: Making): Promise<SplitLayer> =>
    splitLayer(compiler, matrices, text, upTo, making);
  const onUnits = compiler.subgroupMatrices.compile(Math.max(...bytes) <= workgroupBytes, () =>
    Promise.all(TENSOR_TILES.map(({ upTo, tokens }) => layer(upTo, tensorMaking(tokens)))),
  );
  const fit = (tiles: PlainTiles, bytesOf: (tile: Tile) => number): boolean =>
    tiles.every(({ tile }) => tile.tokens <= wantedSide && bytesOf(tile) <= workgroupBytes);
  const isInF16 = compiler.hasF16 && all.every(isQuantized) && fit(HALVES_TILES, halvesTileBytes);
  const plain = isInF16 ? HALVES_TILES : fit(PLAIN_TILES, tileBytes) ? PLAIN_TILES : SMALL_TILES;
  const kernel = isInF16 ? halvesMatmulKernel : matmulKernel;
  return (await onUnits) ?? Promise.all(plain.map(({ upTo, tile }) => layer(upTo, plainMaking(tile, kernel))));
}

/** How products are made: with matrix units or without. */
interface Making {
  sums(matrix: MatrixFormat): SplitSums;
  /** `isPacked`: whether X is f16, where products read such. */
  product(label: string, matrix: MatrixFormat, isPacked: boolean): Kernel;
  /** What the kernel in front of a product is told of the matrix. */
  next(matrix: MatrixFormat): MatrixFormat | null;
}

function tensorMaking(tokens: number): Making {
  const spec = (label: string, matrix: MatrixFormat, x: SplitK['x']): SplitK => ({
    label,
    matrix,
    x,
    tile: splitKTile(matrix, tokens),
  });
  return {
    sums: (matrix) => spec('', matrix, 'f32'),
    product: (label, matrix, isPacked) => splitKKernel(spec(label, matrix, isPacked ? 'f16' : 'f32')),
    next: (matrix) => matrix,
  };
}

function plainMaking(tile: Tile, kernel: typeof matmulKernel): Making {
  return {
    sums: (matrix) => ({ matrix, tile: { ...tile, parts: plainParts(matrix, tile) } }),
    product: (label, matrix) => kernel({ label, matrix, epilogue: 'store' }, tile, plainParts(matrix, tile)),
    next: () => null,
  };
}

async function splitLayer(
  compiler: Compiler,
  { qkv, output, gate, down }: SplitMatrices,
  { hiddenSize, rmsNormEps }: Pick<TextConfig, 'hiddenSize' | 'rmsNormEps'>,
  upTo: number,
  { sums, product, next }: Making,
): Promise<SplitLayer> {
  const productOf = async (label: string, matrix: MatrixFormat, isPacked = true): Promise<Step> =>
    always(await compiler.compile(product(`${label}, some`, matrix, isPacked)), (count) =>
      splitKGrid(sums(matrix), count),
    );
  const norm = async (before: MatrixFormat | null, matrix: MatrixFormat): Promise<Step> => {
    const parts = before === null ? null : sums(before);
    const compiled = await compiler.compile(normSumKernel(parts, hiddenSize, rmsNormEps, next(matrix)));
    return always(compiled, (count) => [count]);
  };
  const [firstNorm, attentionNorm, nextNorm, bias, gated, ...products] = await Promise.all([
    norm(null, qkv),
    norm(output, gate),
    norm(down, qkv),
    rowStep(compiler, biasSumKernel(sums(qkv))),
    rowStep(compiler, gatedSumKernel(sums(gate), next(down))),
    productOf('qkv', qkv),
    productOf('o_proj', output, false),
    productOf('gate, up', gate),
    productOf('down', down),
  ]);
  const [qkvProduct, outputProduct, gateProduct, downProduct] = products;
  return {
    upTo,
    firstNorm,
    attentionNorm,
    nextNorm,
    bias,
    gated,
    qkv: qkvProduct,
    output: outputProduct,
    gate: gateProduct,
    up: gateProduct,
    down: downProduct,
    sums: (count) => ({
      upSums: sumsLength(sums(gate), count),
      sums: Math.max(...[qkv, output, gate, down].map((matrix) => sumsLength(sums(matrix), count))),
    }),
  };
}
