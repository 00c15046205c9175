/**
 * A layer's products for some tokens, on matrix units and in parts (split-K): which tiles, how many parts, and the kernels that
 * put the parts together. For more tokens than are done one by one, and fewer than keep a device busy in tiles of outputs.
 */
import type { TextGeometry } from '../model/text-geometry.ts';
import type { Compiled, Compiler } from './compiler.ts';
import type { DecoderFormats } from './loaded-decoder.ts';
import { haveNoPadding, type ScratchSize } from './scratch.ts';
import { always, type Step } from './tiled-product.ts';
import { type SplitK, splitKBytes, splitKGrid, splitKKernel, type SplitKTile, sumsLength } from './wgsl/split-k.ts';
import { biasSumKernel, gatedSumKernel, normSumKernel, type RowKernel } from './wgsl/split-k-sums.ts';
import type { MatrixFormat } from './wgsl/weight-reader.ts';

/** Tokens of a tile, and those up to which it is used: the fastest on an H100 at the shapes of Qwen2.5-VL (docs/log.md). */
const TILES: readonly { readonly upTo: number; readonly tokens: number }[] = [
  { upTo: 32, tokens: 32 },
  { upTo: 128, tokens: 64 },
];
/** Workgroups that keep a device busy: parts are as many as it takes to get there. */
const WORKGROUPS = 200;
/** Parts at most: each is written once and read once more. */
const MOST_PARTS = 16;
/** Matrices with so many inputs, as `down` has, are faster with wider tiles for up to 32 tokens. */
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

/** How a matrix is shared out for tiles of so many tokens. */
export function splitKTile({ rows, cols }: MatrixFormat, tokens: number): SplitKTile {
  const blocks = Math.ceil(cols / 32);
  const depth = blocks % 2 === 0 ? 2 : 1;
  const wide = cols >= LONG_ROWS && tokens <= 32;
  const tileRows = wide ? 128 : 64;
  const tiles = Math.ceil(rows / tileRows);
  // Powers of two; every part has a step at least.
  const most = Math.min(MOST_PARTS, 2 ** Math.floor(Math.log2(blocks / depth)));
  const parts = Math.min(most, 2 ** Math.max(0, Math.ceil(Math.log2(WORKGROUPS / tiles))));
  return { tokens, rows: tileRows, subgroups: depth === 1 && !wide ? 2 : 4, depth, parts };
}

/**
 * Compiles them, for fewer tokens first; null where the device has no matrix units, they do not suit, or rows have padding.
 * Throws RuntimeUnavailableError when the device refuses another kernel.
 */
export async function splitLayers(
  compiler: Compiler,
  matrices: SplitMatrices,
  text: Pick<TextGeometry, 'hiddenSize' | 'rmsNormEps'>,
  workgroupBytes: number,
): Promise<readonly SplitLayer[] | null> {
  const all = Object.values(matrices);
  const bytes = TILES.flatMap(({ tokens }) => all.map((matrix) => splitKBytes(splitKTile(matrix, tokens))));
  const suits = Math.max(...bytes) <= workgroupBytes && haveNoPadding(all.flatMap(({ rows, cols }) => [rows, cols]));
  return compiler.matrixUnits.compile(suits, () =>
    Promise.all(TILES.map((tile) => splitLayer(compiler, matrices, text, tile))),
  );
}

async function splitLayer(
  compiler: Compiler,
  { qkv, output, gate, down }: SplitMatrices,
  { hiddenSize, rmsNormEps }: Pick<TextGeometry, 'hiddenSize' | 'rmsNormEps'>,
  { upTo, tokens }: (typeof TILES)[number],
): Promise<SplitLayer> {
  const spec = (label: string, matrix: MatrixFormat, x: SplitK['x']): SplitK => ({
    label: `${label}, some`,
    matrix,
    x,
    tile: splitKTile(matrix, tokens),
  });
  const [qkvSpec, outputSpec] = [spec('qkv', qkv, 'f16'), spec('o_proj', output, 'f32')];
  const [gateSpec, downSpec] = [spec('gate, up', gate, 'f16'), spec('down', down, 'f16')];
  const product = async (one: SplitK): Promise<Step> =>
    always(await compiler.compile(splitKKernel(one)), (count) => splitKGrid(one, count));
  const rows = async ({ kernel, groups }: RowKernel): Promise<Step> =>
    always(await compiler.compile(kernel), (count) => [groups, count]);
  const norm = async (parts: SplitK | null, next: MatrixFormat): Promise<Step> => {
    const compiled: Compiled = await compiler.compile(normSumKernel(parts, hiddenSize, rmsNormEps, next));
    return always(compiled, (count) => [count]);
  };
  const [firstNorm, attentionNorm, nextNorm, bias, gated, ...products] = await Promise.all([
    norm(null, qkv),
    norm(outputSpec, gate),
    norm(downSpec, qkv),
    rows(biasSumKernel(qkvSpec)),
    rows(gatedSumKernel(gateSpec, down)),
    product(qkvSpec),
    product(outputSpec),
    product(gateSpec),
    product(downSpec),
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
      upSums: sumsLength(gateSpec, count),
      sums: Math.max(...[qkvSpec, outputSpec, gateSpec, downSpec].map((one) => sumsLength(one, count))),
    }),
  };
}
