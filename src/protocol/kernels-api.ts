/** What the kernels page asks of its worker: run the kernel cases on the visitor's adapter, and time variants of kernels. */

/** The adapter, as far as kernels are concerned. */
export interface KernelsAdapter {
  readonly description: string;
  /** What it offers, such as `f16`, in a few words each. */
  readonly features: readonly string[];
}

/** How one case has ended. */
export interface CaseLine {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'not run';
  /** Largest error and what is allowed, relative. */
  readonly error: number;
  readonly tolerance: number;
  /** Where the error is, or why the case did not run. */
  readonly detail: string;
}

/** How fast a variant of a kernel is. */
export interface VariantLine {
  /** What the variants of a group have in common: the same work. */
  readonly group: string;
  readonly name: string;
  /** Milliseconds of a dispatch; null where the device cannot run it. */
  readonly ms: number | null;
  /** What that is per second, such as `310 GB/s`; or why it did not run. */
  readonly rate: string;
}

/** The worker's interface. */
export interface KernelsApi {
  /** Opens a device. Throws RuntimeUnavailableError where there is none. */
  open(): Promise<KernelsAdapter>;
  /** Runs every case; resolves when all have been told. */
  runCases(onLine: (line: CaseLine) => void): Promise<void>;
  /** Times every variant, at sizes that suit the adapter. */
  timeVariants(onLine: (line: VariantLine) => void): Promise<void>;
}
