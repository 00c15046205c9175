/**
 * What a backend brings to each place that may run it, the page's workers and the command line. Its folder has a
 * `web/host.ts` and a `node/host.ts`, each with one export `host`; registry.ts names the folder.
 */
import type { ModelFolder } from '../architectures/model-folder.ts';
import type { Backend } from '../engine/backend.ts';
import type { Manifest, VariantName } from '../model/manifest.ts';
import type { BackendInfo, BackendOption } from '../protocol/engine-api.ts';
import type { LoadEvent } from '../protocol/events.ts';

/** A backend at one place. */
export interface BackendHost {
  /** What a person may choose there, beside `auto`. Two backends may serve the same option. */
  readonly options: readonly BackendOption[];
  /**
   * Looks at the machine and lists the ways to run a model, best first. May throw what ends the search where a person asked for
   * this alone.
   */
  plan(request: BackendRequest): Promise<BackendPlan>;
}

/** What is to be run, and what was asked for. */
export interface BackendRequest {
  readonly manifest: Manifest;
  /** The chosen option's id; null: whatever is best. */
  readonly choice: string | null;
  /** Whether this backend was asked for by its name in the registry: it then runs where it would be slow, too. */
  readonly isNamed: boolean;
  /** The model folder on disk; null where it is elsewhere. */
  readonly directory: string | null;
  /** Sizes of kernels, as `parseTuning` reads them; empty: the usual ones. */
  readonly tuning: string;
}

/** The candidates, and the reasons against others, one sentence each. */
export interface BackendPlan {
  readonly candidates: readonly Candidate[];
  readonly reasons: readonly string[];
}

/** A way to run a model, not started yet. */
export interface Candidate {
  readonly info: Omit<BackendInfo, 'implementation' | 'reasons'>;
  /** What computes, in the order of what is tried: `emulation` is a graphics adapter that computes on the CPU. */
  readonly place: 'card' | 'cpu' | 'emulation';
  /** The graphs whose files it needs. */
  readonly variant: VariantName;
  /** Why no better one runs; shown once it is tried. */
  readonly notes: readonly string[];
  /** Its distinctive description, for the messages that it runs or why it failed. */
  readonly label: string;
  /**
   * Opens it on a model folder, which must hold the files of `variant`. Throws what the backend throws, and
   * RuntimeUnavailableError where the device failed meanwhile, which is then the cause of whatever else went wrong.
   */
  open(folder: ModelFolder, onEvent: (event: LoadEvent) => void): Promise<OpenedBackend>;
}

/** A backend that runs, and the news of its device's failure. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** Resolves when the device fails, with the continuation of "The graphics device"; never where none can fail. */
  readonly failure: Promise<string>;
  /** The graphics device that computes, where one does. */
  readonly device?: GPUDevice;
  /** Its kernels, where they can be looked at. */
  readonly kernels?: KernelProbe;
}

/** Looks at a backend's kernels: for `?debug` and the benchmark. */
export interface KernelProbe {
  /** Every compiled kernel, with its source and the choices behind it. */
  describe(): readonly KernelText[];
  /** Times every kernel while `work` runs; empty if the device has no timestamps. Timing slows the work. */
  time<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }>;
}

/** A kernel as a person reads it. */
export interface KernelText {
  readonly label: string;
  readonly choice: object;
  readonly wgsl: string;
}

/** How often a kernel ran, and how long in all. */
export interface KernelTime {
  readonly dispatches: number;
  readonly ms: number;
}
