/** Products of many tokens, compiled, in tiles as large as the device's workgroup memory holds. */
import type { Compiled, Compiler } from './compiler.ts';
import { matmulGrid, matmulKernel, type MatmulSpec, tileBytes } from './wgsl/matmul.ts';
import {
  FRAGMENT,
  LANES,
  type TensorTile,
  tensorMatmulGrid,
  tensorMatmulKernel,
  tensorTileBytes,
} from './wgsl/tensor-matmul.ts';

/** A compiled kernel and its workgroups for so many tokens. */
export interface Step {
  readonly compiled: Compiled;
  grid(tokens: number): readonly number[];
}

/** What makes a product's kernel. */
export type MakeProduct = (spec: Omit<MatmulSpec, 'tile'>) => Promise<Step>;

/** The fastest of thirteen tiles on an H200 at the shapes of Qwen2.5-VL (docs/log.md), and one for less workgroup memory. */
const TENSOR_TILES: readonly TensorTile[] = [
  { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 2 },
  { tokens: 128, rows: 128, alongTokens: 4, alongRows: 2, depth: 1 },
];

/** Makes tiled products: on matrix units where the device has them, else of tiles of the wanted side or a smaller one. */
export function tiledProducts(compiler: Compiler, wantedTile: number, workgroupBytes: number): MakeProduct {
  let tile = wantedTile;
  while (tile > 32 && tileBytes(tile) > workgroupBytes) tile /= 2;
  const tensorTile = hasMatrixUnits(compiler.device)
    ? TENSOR_TILES.find((one) => tensorTileBytes(one) <= workgroupBytes)
    : undefined;
  const plain = async (spec: MatmulSpec): Promise<Step> => {
    return { compiled: await compiler.compile(matmulKernel(spec)), grid: (tokens) => matmulGrid(spec, tokens) };
  };
  return async (untiled) => {
    const spec: MatmulSpec = { ...untiled, tile };
    if (tensorTile === undefined) return plain(spec);
    try {
      const compiled = await compiler.compile(tensorMatmulKernel(spec, tensorTile));
      return { compiled, grid: (tokens) => tensorMatmulGrid(spec, tensorTile, tokens) };
    } catch {
      return plain(spec); // the extension is no standard yet: another browser may spell it otherwise
    }
  };
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
function hasMatrixUnits({ features, adapterInfo }: GPUDevice): boolean {
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
