/** Compiles GEMV and GEMM kernels as select.ts chooses them. */
import type { Compiler } from '../gpu/compiler.ts';
import type { Kernel } from '../gpu/kernel.ts';
import { sized, type SizedKernel } from '../gpu/sized-kernel.ts';
import { gemmF16Kernel } from './gemm-f16.ts';
import { gemmGrid, gemmKernel, type GemmOperation, type GemmTile } from './gemm.ts';
import { subgroupMatrixGemmKernel, type SubgroupMatrixTile } from './gemm-subgroup-matrix.ts';
import { gemvGrid, gemvKernel } from './gemv.ts';
import { type GemvOperation, type KernelTarget, selectGemm, selectGemv, type TileOption } from './select.ts';
import type { Tiles } from './tiles.ts';

/** A token count above every tile class: images of any size use the largest tiles. */
export const MANY = Infinity;

/** Compiles a GEMV, or a skinny GEMM of up to `columns` tokens at once. Throws RuntimeUnavailableError when the device refuses it. */
export async function compileGemv(
  compiler: Compiler,
  operation: GemvOperation,
  columns: number,
  target: KernelTarget,
): Promise<SizedKernel> {
  const spec = selectGemv(operation, columns, target);
  const compiled = await compiler.compile(gemvKernel(spec));
  const [x, y] = gemvGrid(spec);
  return sized(compiled, (tokens) => [x, y, Math.ceil(tokens / spec.columns)]);
}

/**
 * Compiles a GEMM for at least `leastTokens` tokens. Throws RuntimeUnavailableError when the device refuses a kernel that needs no
 * subgroup matrices.
 */
export async function compileGemm(
  compiler: Compiler,
  operation: GemmOperation,
  leastTokens: number,
  target: KernelTarget,
): Promise<SizedKernel> {
  for (const option of selectGemm(operation.matrix, leastTokens, target)) {
    const kernel = await compileOption(compiler, operation, option);
    if (kernel !== null) return kernel;
  }
  throw new RangeError('the last option of a GEMM is always available');
}

/** Compiles one option of a GEMM; null if the device refuses its subgroup matrices. */
function compileOption(compiler: Compiler, operation: GemmOperation, option: TileOption): Promise<SizedKernel | null> {
  switch (option.arithmetic) {
    case 'subgroup matrices':
      return compiler.subgroupMatrices.compile(true, () =>
        compileTiles(compiler, operation, option.tiles, (tile) => subgroupMatrixGemmKernel({ ...operation, tile })),
      );
    case 'f16':
      return compileTiles(compiler, operation, option.tiles, (tile) => gemmF16Kernel({ ...operation, tile }));
    case 'f32':
      return compileTiles(compiler, operation, option.tiles, (tile) => gemmKernel({ ...operation, tile }));
  }
}

async function compileTiles<T extends GemmTile | SubgroupMatrixTile>(
  compiler: Compiler,
  { matrix }: GemmOperation,
  tiles: Tiles<T>,
  source: (tile: T) => Kernel,
): Promise<SizedKernel> {
  const kernels = await Promise.all(
    tiles.map(async ({ upTo, tile }) => ({ upTo, tile, compiled: await compiler.compile(source(tile)) })),
  );
  return (tokens) => {
    const found = kernels.find(({ upTo }) => tokens <= upTo);
    if (found === undefined) throw new RangeError('the last tile takes any number of tokens');
    return { compiled: found.compiled, grid: gemmGrid({ matrix, tile: found.tile }, tokens) };
  };
}
