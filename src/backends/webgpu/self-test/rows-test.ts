/** Self-test at load of the row kernels, with the table of kernel cases (cases/). */
import type { KernelCase } from '../cases/kernel-case.ts';
import { type CaseOutcome, runCases } from '../cases/run-case.ts';
import type { Compiler } from '../gpu/compiler.ts';
import { TOLERANCE, wrongKernelError } from './kernel-fixture.ts';

/**
 * Runs the first case of every kernel in `cases`: an ordinary input. The extremes are left to the tests, since drivers may differ
 * there without harm. Exact kernels must be exact; the others have the self-test's tolerance, as a driver's own functions may be less
 * precise than those of the tests. Throws NumericCheckError when a kernel is wrong or does not run.
 */
export async function selfTestCases(compiler: Compiler, cases: readonly KernelCase[]): Promise<void> {
  const first = new Map<string, KernelCase>();
  for (const one of cases) {
    const kernel = one.name.slice(0, one.name.indexOf(':'));
    if (!first.has(kernel)) first.set(kernel, { ...one, tolerance: one.tolerance === 0 ? 0 : TOLERANCE });
  }
  const failed: CaseOutcome[] = [];
  await runCases(compiler, [...first.values()], (outcome) => {
    if (outcome.state === 'failed') failed.push(outcome);
  });
  const [wrong] = failed;
  if (wrong !== undefined) throw wrongKernelError(wrong.name, wrong.detail);
}
