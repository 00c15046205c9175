/** Products of many tokens, compiled, in tiles that suit the device and the number of tokens. */
import type { Compiled, Compiler } from '../gpu/compiler.ts';
import type { Kernel, RowKernel } from '../gpu/kernel.ts';
import { halvesMatmulKernel, halvesTileBytes } from './gemm-f16.ts';
import { matmulGrid, matmulKernel, type MatmulSpec, type Tile, tileBytes } from './gemm.ts';
import { type TensorTile, tensorMatmulKernel, tensorTileBytes } from './gemm-subgroup-matrix.ts';
import { isQuantized } from '../weights/weight-reader.ts';

/** A kernel and its workgroups. */
export interface Dispatch {
  readonly compiled: Compiled;
  readonly grid: readonly number[];
}

/** What is dispatched for so many tokens. */
export type Step = (tokens: number) => Dispatch;

/** One kernel, however many tokens there are. */
export function always(compiled: Compiled, grid: (tokens: number) => readonly number[]): Step {
  return (tokens) => ({ compiled, grid: grid(tokens) });
}

/** A kernel that makes rows, one for every token. */
export async function rowStep(compiler: Compiler, { kernel, groups }: RowKernel): Promise<Step> {
  return always(await compiler.compile(kernel), (tokens) => [groups, tokens]);
}

/** What makes a product's kernel. */
export type MakeProduct = (spec: MatmulSpec) => Promise<Step>;

/** Tiles of one device: each is used up to so many tokens, from few to many. */
type Tiles<T> = readonly (readonly [upTo: number, tile: T])[];

/** The fastest of some dozens on an H200 and an H100 at the shapes of Qwen2.5-VL (docs/log.md), and some for less workgroup memory. */
const PLAIN_TILES: Tiles<Tile> = [
  [64, { tokens: 32, rows: 32, tokensPerThread: 4, rowsPerThread: 4, depth: 8 }],
  [768, { tokens: 64, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 }],
  [Infinity, { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 }],
];
const SMALL_TILES: Tiles<Tile> = [[Infinity, { tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 }]];
/** The same in f16, for codes. */
const HALVES_TILES: Tiles<Tile> = [
  [16, { tokens: 16, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 }],
  [64, { tokens: 32, rows: 64, tokensPerThread: 4, rowsPerThread: 4, depth: 8 }],
  [Infinity, { tokens: 64, rows: 64, tokensPerThread: 4, rowsPerThread: 8, depth: 8 }],
];
/** The same on matrix units. */
const TENSOR_TILES: Tiles<TensorTile> = [
  [96, { tokens: 32, rows: 32, alongTokens: 2, alongRows: 2, depth: 4 }],
  [Infinity, { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 2 }],
];

/** Tokens of images, as far as tiles are concerned: too many for the tiles of few. */
export const MANY = Infinity;

/** Makes tiled products for `least` tokens and more: on matrix units or in f16 where the device has them, else of tiles with at most the wanted side. */
export function tiledProducts(
  compiler: Compiler,
  least: number,
  wantedSide: number,
  workgroupBytes: number,
): MakeProduct {
  const plain = tilesFrom(least, plainTiles(wantedSide, workgroupBytes));
  const halves = tilesFrom(least, HALVES_TILES);
  const hasHalves = compiler.hasF16 && allFit(HALVES_TILES, wantedSide, workgroupBytes, halvesTileBytes);
  const tensor = tilesFrom(least, TENSOR_TILES);
  const bytes = Math.max(...tensor.map(([, tile]) => tensorTileBytes(tile)));
  return async (spec) =>
    (await compiler.subgroupMatrices.compile(bytes <= workgroupBytes, () =>
      stepOf(compiler, spec, tensor, (tile) => tensorMatmulKernel(spec, tile)),
    )) ??
    (hasHalves && isQuantized(spec.matrix)
      ? stepOf(compiler, spec, halves, (tile) => halvesMatmulKernel(spec, tile))
      : stepOf(compiler, spec, plain, (tile) => matmulKernel(spec, tile)));
}

/** The tiles with sides of at most `side` if all of them fit into a device's workgroup memory, else the small ones. */
export function plainTiles(side: number, workgroupBytes: number): Tiles<Tile> {
  return allFit(PLAIN_TILES, side, workgroupBytes, tileBytes) ? PLAIN_TILES : SMALL_TILES;
}

function allFit(tiles: Tiles<Tile>, side: number, workgroupBytes: number, bytesOf: (tile: Tile) => number): boolean {
  return tiles.every(([, tile]) => tile.tokens <= side && bytesOf(tile) <= workgroupBytes);
}

function tilesFrom<T>(least: number, tiles: Tiles<T>): Tiles<T> {
  return tiles.filter(([upTo]) => upTo >= least);
}

async function stepOf<T extends Tile | TensorTile>(
  compiler: Compiler,
  spec: MatmulSpec,
  tiles: Tiles<T>,
  source: (tile: T) => Kernel,
): Promise<Step> {
  const kernels = await Promise.all(
    tiles.map(async ([upTo, tile]) => ({ upTo, tile, compiled: await compiler.compile(source(tile)) })),
  );
  return (tokens) => {
    const found = kernels.find(({ upTo }) => tokens <= upTo);
    if (found === undefined) throw new RangeError('the last tile takes any number of tokens');
    return { compiled: found.compiled, grid: matmulGrid(spec, found.tile, tokens) };
  };
}

/** Numbers of tokens that use every kernel of a step once. */
export const TOKEN_CLASSES: readonly number[] = [
  ...new Set([...PLAIN_TILES, ...HALVES_TILES, ...TENSOR_TILES].map(([upTo]) => Math.min(upTo, 1024))),
];
