/** The interface of the kernels page's worker: runs the kernel cases on the visitor's adapter, and times variants of kernels. */

/** The adapter, as far as kernels are concerned. */
export interface KernelsAdapter {
  readonly description: string;
  /** Its features, such as `f16`, in a few words each. */
  readonly features: readonly string[];
}

/** The outcome of a case. */
export interface CaseLine {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'not run';
  /** Largest relative error, and the tolerance. */
  readonly error: number;
  readonly tolerance: number;
  /** Where the error is, or why the case did not run. */
  readonly detail: string;
}

/** The time of a kernel's variant. */
export interface VariantLine {
  /** The workload that the variants of a group share. */
  readonly group: string;
  readonly name: string;
  /** Milliseconds of a dispatch; null where the device cannot run it. */
  readonly ms: number | null;
  /** The throughput, such as `310 GB/s`; or why it did not run. */
  readonly rate: string;
}

/** The worker's interface. */
export interface KernelsApi {
  /** Opens a device. Throws RuntimeUnavailableError where there is none. */
  open(): Promise<KernelsAdapter>;
  /** Runs every case; resolves when all have been reported. */
  runCases(onLine: (line: CaseLine) => void): Promise<void>;
  /** Times every variant, at sizes that suit the adapter. */
  timeVariants(onLine: (line: VariantLine) => void): Promise<void>;
}
