/** Products of many tokens, compiled, in tiles as large as the device's workgroup memory holds. */
import type { Compiled, Compiler } from './compiler.ts';
import { matmulGrid, matmulKernel, type MatmulSpec, tileBytes } from './wgsl/matmul.ts';

/** A compiled kernel and its workgroups for so many tokens. */
export interface Step {
  readonly compiled: Compiled;
  grid(tokens: number): readonly number[];
}

/** What makes a product's kernel. */
export type MakeProduct = (spec: Omit<MatmulSpec, 'tile'>) => Promise<Step>;

/** Makes tiled products, of tiles of the wanted side or a smaller one. */
export function tiledProducts(compiler: Compiler, wantedTile: number, workgroupBytes: number): MakeProduct {
  let tile = wantedTile;
  while (tile > 32 && tileBytes(tile) > workgroupBytes) tile /= 2;
  return async (untiled) => {
    const spec: MatmulSpec = { ...untiled, tile };
    return { compiled: await compiler.compile(matmulKernel(spec)), grid: (tokens) => matmulGrid(spec, tokens) };
  };
}
