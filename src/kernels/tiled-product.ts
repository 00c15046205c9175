/** Products of many tokens, compiled, in tiles that suit the device and the number of tokens. */
import type { Compiled, Compiler } from './compiler.ts';
import { matmulGrid, matmulKernel, type MatmulSpec, type Tile, tileBytes } from './wgsl/matmul.ts';
import { FRAGMENT, LANES, type TensorTile, tensorMatmulKernel, tensorTileBytes } from './wgsl/tensor-matmul.ts';

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

/** What makes a product's kernel. */
export type MakeProduct = (spec: MatmulSpec) => Promise<Step>;

/** Up to so many tokens the lower tile of a pair keeps more of a large device busy (docs/log.md). */
const FEW_TOKENS = 768;

/** Tiles by their largest side: one for many tokens, and one for a few hundred. The fastest on an H200 at the shapes of Qwen2.5-VL (docs/log.md). */
const TILES: readonly (readonly [side: number, many: Tile, few: Tile])[] = [
  [
    128,
    { tokens: 128, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 },
    { tokens: 64, rows: 64, tokensPerThread: 8, rowsPerThread: 8, depth: 4 },
  ],
  [32, ...twice({ tokens: 32, rows: 32, tokensPerThread: 4, rowsPerThread: 4, depth: 8 })],
  [16, ...twice({ tokens: 16, rows: 16, tokensPerThread: 2, rowsPerThread: 2, depth: 8 })],
];

/** The same on matrix units, and one for less workgroup memory. */
const TENSOR_TILES: readonly TensorTile[] = [
  { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 2 },
  { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 1 },
];

function twice(tile: Tile): readonly [Tile, Tile] {
  return [tile, tile];
}

/** Makes tiled products: on matrix units where the device has them, else of tiles with at most the wanted side. */
export function tiledProducts(compiler: Compiler, wantedSide: number, workgroupBytes: number): MakeProduct {
  const [many, few] = tilesFor(wantedSide, workgroupBytes);
  const tensorTile = hasMatrixUnits(compiler.device)
    ? TENSOR_TILES.find((one) => tensorTileBytes(one) <= workgroupBytes)
    : undefined;
  const plain = async (spec: MatmulSpec): Promise<Step> => {
    const [forMany, forFew] = await Promise.all([many, few].map((tile) => compiler.compile(matmulKernel(spec, tile))));
    if (forMany === undefined || forFew === undefined) throw new Error('two kernels were asked for');
    return (tokens) =>
      tokens > FEW_TOKENS
        ? { compiled: forMany, grid: matmulGrid(spec, many, tokens) }
        : { compiled: forFew, grid: matmulGrid(spec, few, tokens) };
  };
  return async (spec) => {
    if (tensorTile === undefined) return plain(spec);
    try {
      const compiled = await compiler.compile(tensorMatmulKernel(spec, tensorTile));
      return (tokens) => ({ compiled, grid: matmulGrid(spec, tensorTile, tokens) });
    } catch {
      return plain(spec); // the extension is no standard yet: another browser may spell it otherwise
    }
  };
}

/** The largest tiles whose side is at most `side` and which fit into a device's workgroup memory; the smallest where none do. */
export function tilesFor(side: number, workgroupBytes: number): readonly [many: Tile, few: Tile] {
  const fits = ([its, many]: (typeof TILES)[number]): boolean => its <= side && tileBytes(many) <= workgroupBytes;
  const [, many, few] = TILES.find(fits) ?? TILES.at(-1) ?? [];
  if (many === undefined || few === undefined) throw new Error('there are tiles');
  return [many, few];
}

/** What a device says of its matrix units; not in the types of WebGPU yet. */
interface SubgroupMatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/**
 * Whether the device multiplies 16 x 16 matrices of f16 into f32, by subgroups of the size the kernel is made for. It has
 * to have been asked for f16, which is how a device that must compute in f32 keeps out of here.
 */
export function hasMatrixUnits({ features, adapterInfo }: GPUDevice): boolean {
  const { subgroupMinSize, subgroupMaxSize } = adapterInfo;
  const { subgroupMatrixConfigs = [] } = adapterInfo as { subgroupMatrixConfigs?: readonly SubgroupMatrixConfig[] };
  return (
    features.has('shader-f16') &&
    features.has(SUBGROUP_MATRIX) &&
    subgroupMinSize === LANES &&
    subgroupMaxSize === LANES &&
    [...subgroupMatrixConfigs].some(
      ({ componentType, resultComponentType, M, N, K }) =>
        componentType === 'f16' && resultComponentType === 'f32' && [M, N, K].every((side) => side === FRAGMENT),
    )
  );
}

/** Chromium's name of the feature, until WebGPU has one. */
const SUBGROUP_MATRIX = 'chromium-experimental-subgroup-matrix';
