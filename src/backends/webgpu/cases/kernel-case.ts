/**
 * A kernel case: one kernel, one run of it on made-up inputs, and the results of a scalar reference. The table of cases
 * (all-cases.ts) serves tests in Node, the playground page kernels.html and the self-test at load; nothing here touches a device.
 */
import type { DeviceTraits } from '../gpu/device-traits.ts';
import type { Kernel } from '../gpu/kernel.ts';

/** Device features that a case requires. */
export interface Needs {
  readonly f16?: boolean;
  /** Subgroups, all of one size. */
  readonly subgroups?: boolean;
  /** Subgroup matrices of 16 x 16 x 16 f16, with subgroups of 32. */
  readonly subgroupMatrices?: boolean;
  /** Bytes of workgroup memory; by default the minimum that every device has. */
  readonly workgroupBytes?: number;
}

/** The expected content of a buffer after the run; numbers between rows and after the last row must be unchanged. */
export interface Expected {
  /** `[rows, cols]`; NaN accepts any value. */
  readonly values: Float32Array | Uint32Array;
  /** The scale of each number's error, such as the sum of the magnitudes of its terms; by default the largest number of its row. */
  readonly scales?: Float32Array;
  readonly type: 'f32' | 'f16' | 'u32';
  readonly cols: number;
  /** Numbers from the start of a row to that of the next. */
  readonly stride: number;
}

/** A buffer of a run: its content before, and the expected content afterwards. An output without data holds `UNTOUCHED` numbers. */
export type CaseBuffer =
  | { readonly data: ArrayBufferView<ArrayBuffer>; readonly expected?: Expected }
  | { readonly data?: undefined; readonly expected: Expected };

/** A run of a case on a device. */
export interface CaseRun {
  readonly kernel: Kernel;
  /** In the order of the kernel's bindings. */
  readonly buffers: readonly CaseBuffer[];
  /** Workgroups. */
  readonly grid: readonly number[];
  /** Operations and bytes of the run, to report a rate beside its time. */
  readonly work?: { readonly flops: number; readonly bytes: number };
}

/** One row of the table. */
export interface KernelCase {
  /** Unique; starts with the kernel's family. */
  readonly name: string;
  readonly needs: Needs;
  /** Largest error allowed, relative to {@link Expected.scales}; 0: equal numbers. */
  readonly tolerance: number;
  /** Makes kernel, inputs and expectations; called only for cases that run. */
  make(traits: DeviceTraits): CaseRun;
}

/** Bytes of workgroup memory that every WebGPU device has. */
const LEAST_WORKGROUP_BYTES = 16_384;

/** Why a device cannot run a case, in a few words; null if it can. */
export function lackFor(
  { f16, subgroups, subgroupMatrices, workgroupBytes }: Needs,
  traits: DeviceTraits,
): string | null {
  if (f16 === true && !traits.hasF16) return 'no shader-f16';
  if (subgroups === true && traits.subgroupSize === null) return 'no subgroups of one size';
  if (subgroupMatrices === true && !traits.hasSubgroupMatrices) return 'no subgroup matrices';
  const needed = workgroupBytes ?? LEAST_WORKGROUP_BYTES;
  return needed > traits.workgroupBytes ? `workgroup memory of ${traits.workgroupBytes} bytes, needs ${needed}` : null;
}
