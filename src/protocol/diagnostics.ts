/** What `?debug` shows of a running engine: the adapter, its limits, the kernels and their WGSL, and how long each takes. Plain data. */

/** The graphics adapter behind the backend. */
export interface AdapterReport {
  /** Vendor, architecture and description, as far as the browser reports them. */
  readonly description: string;
  /** Features the device was made with. */
  readonly features: readonly string[];
  /** Limits the device was made with, by their WebGPU names. */
  readonly limits: Readonly<Record<string, number>>;
  /** Sizes of subgroups, smallest and largest; null where the browser does not report them. */
  readonly subgroupSizes: readonly [number, number] | null;
}

/** A kernel that was compiled for the loaded model. */
export interface KernelReport {
  /** What it computes, and the tile or splits that were chosen. */
  readonly label: string;
  /** Its WGSL. */
  readonly code: string;
}

/** GPU time of all dispatches of one kernel since timing was switched on. */
export interface KernelTiming {
  readonly label: string;
  readonly dispatches: number;
  readonly ms: number;
}

/** Everything at once. */
export interface Diagnostics {
  /** null: no graphics device computes. */
  readonly adapter: AdapterReport | null;
  /** The backend's kernels; none where it shows none. */
  readonly kernels: readonly KernelReport[];
  /** Whether the device has timestamps, without which nothing is timed. */
  readonly canTime: boolean;
  readonly timings: readonly KernelTiming[];
}
