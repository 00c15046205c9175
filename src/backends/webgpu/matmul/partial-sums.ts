/**
 * Products in parts of their inputs (split-K): which part a workgroup has, and where the parts' sums lie: f32
 * `[parts, tokens, rows]`, tokens and rows filled up to whole tiles.
 */
import { roundUp } from '../gpu/kernel.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';

/** A product in parts, as far as its sums are concerned. */
export interface SplitSums {
  readonly matrix: MatrixFormat;
  /** Outputs of a workgroup, and parts of the inputs. */
  readonly tile: { readonly tokens: number; readonly rows: number; readonly parts: number };
}

/** Workgroups: tokens, rows, parts. */
export function splitKGrid({ matrix, tile }: SplitSums, tokens: number): readonly [number, number, number] {
  return [Math.ceil(tokens / tile.tokens), Math.ceil(matrix.rows / tile.rows), tile.parts];
}

/** f32 numbers between the parts of one token. */
export function sumsStride({ matrix, tile }: SplitSums): number {
  return roundUp(matrix.rows, tile.rows);
}

/** f32 numbers of all sums. */
export function sumsLength({ matrix, tile }: SplitSums, tokens: number): number {
  return tile.parts * roundUp(tokens, tile.tokens) * sumsStride({ matrix, tile });
}

/** WGSL of `begin` and `end`: the first of so many steps over the inputs that is in a workgroup's part, and the first behind it. */
export function partOf({ tile }: SplitSums, steps: number): string {
  const each = Math.ceil(steps / tile.parts);
  return `  let begin = wg.z * ${each}u;\n  let end = min(begin + ${each}u, ${steps}u);`;
}

/** WGSL of `padded`: the tokens between two parts. */
export function paddedTokens({ tile }: SplitSums): string {
  return `  let padded = (params.tokens + ${tile.tokens - 1}u) / ${tile.tokens}u * ${tile.tokens}u;`;
}
