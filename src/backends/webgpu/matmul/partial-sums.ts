/**
 * Split-K: each workgroup along z sums over a range of the inputs. This file defines the range and the layout of the partial
 * sums: f32 `[splits, tokens, rows]`, tokens and rows padded to whole tiles.
 */
import { roundUp } from '../gpu/kernel.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';

/** A split-K GEMM as far as its partial sums are concerned. */
export interface PartialSums {
  readonly matrix: MatrixFormat;
  /** Outputs per workgroup. */
  readonly tile: { readonly tokens: number; readonly rows: number };
  readonly splits: number;
}

/** Workgroups: tokens, rows, splits. */
export function splitKGrid({ matrix, tile, splits }: PartialSums, tokens: number): readonly [number, number, number] {
  return [Math.ceil(tokens / tile.tokens), Math.ceil(matrix.rows / tile.rows), splits];
}

/** f32 numbers from one token's partial sums to the next token's. */
export function partialSumStride({ matrix, tile }: Omit<PartialSums, 'splits'>): number {
  return roundUp(matrix.rows, tile.rows);
}

/** f32 numbers of all partial sums. */
export function partialSumLength({ matrix, tile, splits }: PartialSums, tokens: number): number {
  return splits * roundUp(tokens, tile.tokens) * partialSumStride({ matrix, tile });
}

/** WGSL of `begin` and `end`: a workgroup's range `[begin, end)` of `steps` steps over the inputs. */
export function splitRange({ splits }: Pick<PartialSums, 'splits'>, steps: number): string {
  const each = Math.ceil(steps / splits);
  return `  let begin = wg.z * ${each}u;\n  let end = min(begin + ${each}u, ${steps}u);`;
}

/** WGSL of `padded`: tokens from one split's partial sums to the next split's. */
export function paddedTokens({ tile }: Pick<PartialSums, 'tile'>): string {
  return `  let padded = (params.tokens + ${tile.tokens - 1}u) / ${tile.tokens}u * ${tile.tokens}u;`;
}
