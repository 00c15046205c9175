/** The table of all kernel cases. */
import { attentionCases } from './attention-cases.ts';
import { gemmCases } from './gemm-cases.ts';
import { gemvCases } from './gemv-cases.ts';
import { textRowsCases } from './text-rows-cases.ts';
import { transposeCases } from './transpose-cases.ts';
import { visionAttentionCases } from './vision-attention-cases.ts';
import { visionRowsCases } from './vision-rows-cases.ts';
import { splitKReduceCases } from './split-k-reduce-cases.ts';
import { subgroupMatrixCases } from './subgroup-matrix-cases.ts';
import { kvSplitReduceCases } from './kv-split-reduce-cases.ts';
import type { KernelCase } from './kernel-case.ts';

/** Every case, kernel by kernel. */
export function kernelCases(): readonly KernelCase[] {
  return [
    ...gemvCases(),
    ...gemmCases(),
    ...subgroupMatrixCases(),
    ...splitKReduceCases(),
    ...attentionCases(),
    ...kvSplitReduceCases(),
    ...visionAttentionCases(),
    ...textRowsCases(),
    ...visionRowsCases(),
    ...transposeCases(),
  ];
}
