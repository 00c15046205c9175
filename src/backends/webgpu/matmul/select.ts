/**
 * Chooses the kernel of a GEMV or GEMM: format, tokens and device -> kernel, tile, splits. This is the only place that decides,
 * and nothing here compiles. The language model has four regimes by the number of tokens: GEMV for one, skinny GEMM while a few
 * passes over the weights are cheap enough, split-K for more, GEMM for many.
 */
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Tuning } from '../gpu/tuning.ts';
import { blocksOf, haveNoPadding, VEC4S_PER_BLOCK } from '../rows/row-layout.ts';
import { isQuantized, type MatrixFormat } from '../weights/weight-reader.ts';
import { gemmF16TileBytes } from './gemm-f16.ts';
import { type GemmTile, gemmTileBytes } from './gemm.ts';
import { type SubgroupMatrixTile, subgroupMatrixTileBytes } from './gemm-subgroup-matrix.ts';
import { gemvBytes, type GemvSpec } from './gemv.ts';
import { splitKBytes, type SplitKTile } from './split-k.ts';
import * as tables from './tiles.ts';
import type { Tiles } from './tiles.ts';

/** What a choice depends on beyond the matrix and the tokens. */
export interface KernelTarget {
  readonly traits: DeviceTraits;
  readonly tuning: Tuning;
}

/** An arithmetic and its tiles, from few tokens to many. */
export type TileOption =
  | { readonly arithmetic: 'subgroup matrices'; readonly tiles: Tiles<SubgroupMatrixTile> }
  | { readonly arithmetic: 'f16' | 'f32'; readonly tiles: Tiles<GemmTile> };

/** The same for split-K; with subgroup matrices a tile is a number of tokens, for {@link subgroupMatrixSplitKTile}. */
export type SplitKOption =
  | { readonly arithmetic: 'subgroup matrices'; readonly tiles: Tiles<number> }
  | { readonly arithmetic: 'f16' | 'f32'; readonly tiles: Tiles<GemmTile> };

/** Regimes of the language model's forward pass. */
export type Regime = 'gemv' | 'skinny' | 'splitK' | 'gemm';

/** What a GEMV computes, before its work is divided. */
export type GemvOperation = Pick<GemvSpec, 'label' | 'matrices' | 'epilogue'> & Partial<GemvSpec>;

/** The regime of a run. `skinnyTokens`: {@link selectSkinnyTokens}; `canSplit`: {@link canSplitK}. */
export function selectRegime(
  tokens: number,
  { skinnyTokens, canSplit }: { readonly skinnyTokens: number; readonly canSplit: boolean },
): Regime {
  if (tokens === 1) return 'gemv';
  if (tokens <= skinnyTokens) return 'skinny';
  return canSplit && tokens <= tables.MOST_SPLIT_K_TOKENS ? 'splitK' : 'gemm';
}

/** Most tokens of the skinny regime; fewer where f16 or subgroup matrices make split-K faster. */
export function selectSkinnyTokens(matrices: readonly MatrixFormat[], { traits, tuning }: KernelTarget): number {
  const isFast = traits.hasSubgroupMatrices || mayUseF16(matrices, traits);
  return isFast ? tuning.skinnyTokensInF16 : tuning.skinnyTokens;
}

/** The tile of a GEMV or, for several tokens, of a skinny GEMM of up to `columns` at once. */
export function selectGemv(operation: GemvOperation, columns: number, { traits, tuning }: KernelTarget): GemvSpec {
  const isWide = columns > 1 || (operation.matrices[0]?.rows ?? 0) >= tuning.wideRows;
  let spec: GemvSpec = {
    columns,
    rowsPerThread: tuning.rowsPerThread,
    threadsPerRow: tuning.threadsPerRow,
    threads: tuning.gemvThreads,
    blocksAhead: tuning.blocksAhead,
    subgroupSize: traits.subgroupSize,
    ...(isWide ? wideTile(tuning) : {}),
    ...operation,
    label: columns === 1 ? operation.label : `${operation.label}, skinny GEMM`,
  };
  // If workgroup memory is short: fewer blocks in flight, then fewer tokens, then fewer threads.
  const { workgroupBytes } = traits;
  while (gemvBytes(spec) > workgroupBytes && spec.blocksAhead > 1)
    spec = { ...spec, blocksAhead: Math.ceil(spec.blocksAhead / 2) };
  while (gemvBytes(spec) > workgroupBytes && spec.columns > 1) spec = { ...spec, columns: Math.ceil(spec.columns / 2) };
  while (gemvBytes(spec) > workgroupBytes && spec.threads > spec.threadsPerRow)
    spec = { ...spec, threads: spec.threads / 2 };
  return spec;
}

/** How threads share a GEMV of many rows, or a skinny GEMM: either keeps a device busy with fewer threads a row. */
export function wideTile(tuning: Tuning): Pick<GemvSpec, 'threadsPerRow' | 'threads' | 'blocksAhead'> {
  return { threadsPerRow: tuning.wideThreadsPerRow, threads: tuning.wideThreads, blocksAhead: tuning.wideBlocksAhead };
}

/** The options of a GEMM of at least `leastTokens`, best first: a device may still refuse subgroup matrices. */
export function selectGemm(
  matrix: MatrixFormat,
  leastTokens: number,
  { traits, tuning }: KernelTarget,
): readonly TileOption[] {
  const { workgroupBytes } = traits;
  const options: TileOption[] = [];
  const matrixTiles = tilesFrom(leastTokens, tables.SUBGROUP_MATRIX_TILES);
  if (traits.hasSubgroupMatrices && matrixTiles.every(({ tile }) => subgroupMatrixTileBytes(tile) <= workgroupBytes))
    options.push({ arithmetic: 'subgroup matrices', tiles: matrixTiles });
  const isInF16 = mayUseF16([matrix], traits) && allFit(tables.F16_TILES, gemmF16TileBytes, { traits, tuning });
  options.push(
    isInF16
      ? { arithmetic: 'f16', tiles: tilesFrom(leastTokens, tables.F16_TILES) }
      : { arithmetic: 'f32', tiles: tilesFrom(leastTokens, selectF32Tiles({ traits, tuning })) },
  );
  return options;
}

/** The f32 tiles if all of them fit, else the small ones. */
export function selectF32Tiles(target: KernelTarget): Tiles<GemmTile> {
  return allFit(tables.F32_TILES, gemmTileBytes, target) ? tables.F32_TILES : tables.SMALL_TILES;
}

/** Fewest tokens that the GEMM regime has to serve: split-K takes those below where it can. */
export function leastGemmTokens(matrices: readonly MatrixFormat[]): number {
  return canSplitK(matrices) ? tables.MOST_SPLIT_K_TOKENS + 1 : 1;
}

/** Whether split-K can compute a layer: its reductions require rows without padding. */
export function canSplitK(matrices: readonly MatrixFormat[]): boolean {
  return haveNoPadding(matrices.flatMap(({ rows, cols }) => [rows, cols]));
}

/** The options of a layer's split-K, best first: a device may still refuse subgroup matrices. */
export function selectSplitK(matrices: readonly MatrixFormat[], target: KernelTarget): readonly SplitKOption[] {
  const { traits } = target;
  const options: SplitKOption[] = [];
  const tokens = tables.SUBGROUP_MATRIX_SPLIT_K_TOKENS;
  const bytes = tokens.flatMap(({ tile }) =>
    matrices.map((one) => splitKBytes(subgroupMatrixSplitKTile(one, tile).tile)),
  );
  if (traits.hasSubgroupMatrices && bytes.every((each) => each <= traits.workgroupBytes))
    options.push({ arithmetic: 'subgroup matrices', tiles: tokens });
  const isInF16 = mayUseF16(matrices, traits) && allFit(tables.F16_SPLIT_K_TILES, gemmF16TileBytes, target);
  if (isInF16) return [...options, { arithmetic: 'f16', tiles: tables.F16_SPLIT_K_TILES }];
  const fits = allFit(tables.F32_SPLIT_K_TILES, gemmTileBytes, target);
  const tiles = fits ? tables.F32_SPLIT_K_TILES : tables.SMALL_SPLIT_K_TILES;
  return [...options, { arithmetic: 'f32', tiles }];
}

/** Tile and splits of a split-K GEMM on subgroup matrices, for tiles of `tokens`. */
export function subgroupMatrixSplitKTile(
  { rows, cols }: MatrixFormat,
  tokens: number,
): { readonly tile: SplitKTile; readonly splits: number } {
  const blocks = blocksOf(cols);
  const depth = blocks % 2 === 0 ? 2 : 1;
  const isWide = cols >= tables.LONG_ROWS && tokens <= tables.MOST_WIDE_TILE_TOKENS;
  const tileRows = isWide ? 128 : 64;
  return {
    tile: { tokens, rows: tileRows, subgroups: depth === 1 && !isWide ? 2 : 4, depth },
    splits: selectSplits(Math.ceil(rows / tileRows), blocks / depth, tables.SUBGROUP_MATRIX_WORKGROUPS),
  };
}

/** Splits of a split-K GEMM without subgroup matrices. */
export function gemmSplits({ rows, cols }: MatrixFormat, tile: GemmTile): number {
  const steps = (blocksOf(cols) * VEC4S_PER_BLOCK) / tile.depth;
  return selectSplits(Math.ceil(rows / tile.rows), steps, tables.WORKGROUPS);
}

/** Splits of the inputs, a power of two: enough to reach `workgroups`, with at least one step each. */
function selectSplits(tiles: number, steps: number, workgroups: number): number {
  const most = Math.min(tables.MOST_SPLITS, 2 ** Math.floor(Math.log2(steps)));
  return Math.min(most, 2 ** Math.max(0, Math.ceil(Math.log2(workgroups / tiles))));
}

/** Whether GEMMs of these matrices may run in f16: only quantized values are small enough for f16 sums. */
function mayUseF16(matrices: readonly MatrixFormat[], { hasF16 }: DeviceTraits): boolean {
  return hasF16 && matrices.every(isQuantized);
}

/** Whether all tiles fit into workgroup memory, and none has more tokens than the tuning allows. */
function allFit(
  tiles: Tiles<GemmTile>,
  bytesOf: (tile: GemmTile) => number,
  { traits, tuning }: KernelTarget,
): boolean {
  return tiles.every(({ tile }) => tile.tokens <= tuning.tile && bytesOf(tile) <= traits.workgroupBytes);
}

function tilesFrom<T>(leastTokens: number, tiles: Tiles<T>): Tiles<T> {
  return tiles.filter(({ upTo }) => upTo >= leastTokens);
}
