/** Compiled kernels with their dispatch grids, which depend on the size of a run. */
import type { Compiled, Compiler } from './compiler.ts';
import type { RowKernel } from './kernel.ts';

/** A kernel and its workgroups. */
export interface Dispatch {
  readonly compiled: Compiled;
  readonly grid: readonly number[];
}

/** The dispatch for a number of rows (tokens, patches, merge groups) and, in attention, of KV splits. */
export type SizedKernel = (rows: number, splits?: number) => Dispatch;

/** One kernel for every size. */
export function sized(compiled: Compiled, grid: (rows: number, splits: number) => readonly number[]): SizedKernel {
  return (rows, splits = 1) => ({ compiled, grid: grid(rows, splits) });
}

/** Compiles a kernel with `groups` workgroups along x for each row along y. */
export async function compileRows(compiler: Compiler, { kernel, groups }: RowKernel): Promise<SizedKernel> {
  return sized(await compiler.compile(kernel), (rows) => [groups, rows]);
}
