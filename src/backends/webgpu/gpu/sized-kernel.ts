/** Compiled kernels with the grids they are dispatched on, which follow from how much a run computes. */
import type { Compiled, Compiler } from './compiler.ts';
import type { RowKernel } from './kernel.ts';

/** A kernel and its workgroups. */
export interface Dispatch {
  readonly compiled: Compiled;
  readonly grid: readonly number[];
}

/** What is dispatched for so many rows (tokens, patches, merge groups) and, in attention, KV splits. */
export type SizedKernel = (rows: number, splits?: number) => Dispatch;

/** One kernel for every size. */
export function sized(compiled: Compiled, grid: (rows: number, splits: number) => readonly number[]): SizedKernel {
  return (rows, splits = 1) => ({ compiled, grid: grid(rows, splits) });
}

/** Compiles a kernel whose workgroups are `groups` along x for each of the rows along y. */
export async function compileRows(compiler: Compiler, { kernel, groups }: RowKernel): Promise<SizedKernel> {
  return sized(await compiler.compile(kernel), (rows) => [groups, rows]);
}
