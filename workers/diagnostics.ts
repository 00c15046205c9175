/** The `?debug` report on the running backend, and the timing of its kernels. */
import type { AdapterReport, Diagnostics, KernelTiming } from '../src/protocol/diagnostics.ts';
import type { OpenedBackend } from '../src/backends/backend-host.ts';

/** Limits worth knowing, by their WebGPU names. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** Reports on one opened backend. */
export class BackendDiagnostics {
  readonly #opened: OpenedBackend;
  #isTiming = false;
  readonly #timings = new Map<string, { dispatches: number; ms: number }>();

  constructor(opened: OpenedBackend) {
    this.#opened = opened;
  }

  /** Everything at once. */
  report(): Diagnostics {
    const { device, kernels } = this.#opened;
    return {
      adapter: device === undefined ? null : adapterOf(device),
      kernels: (kernels?.describe() ?? []).map(({ label, choice, wgsl }) => ({
        label: [label, ...Object.values(choice).map(String)].join(' · '),
        code: wgsl,
      })),
      canTime: kernels !== undefined && device?.features.has('timestamp-query') === true,
      timings: [...this.#timings].map(([label, time]): KernelTiming => ({ label, ...time })),
    };
  }

  /** Times every kernel from now on and discards earlier timings. */
  setTiming(on: boolean): void {
    this.#isTiming = on;
    if (on) this.#timings.clear();
  }

  /** Does the work, and times its kernels while timing is on. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const { kernels } = this.#opened;
    if (!this.#isTiming || kernels === undefined) return work();
    const { result, times } = await kernels.time(work);
    for (const [label, { dispatches, ms }] of times) {
      const before = this.#timings.get(label) ?? { dispatches: 0, ms: 0 };
      this.#timings.set(label, { dispatches: before.dispatches + dispatches, ms: before.ms + ms });
    }
    return result;
  }
}

function adapterOf({ adapterInfo, features, limits }: GPUDevice): AdapterReport {
  const { vendor, architecture, description, subgroupMinSize, subgroupMaxSize } = adapterInfo;
  return {
    description: [vendor, architecture, description].filter((part) => part !== '').join(' ') || 'unnamed adapter',
    features: [...features].toSorted(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
    subgroupSizes: features.has('subgroups') ? [subgroupMinSize, subgroupMaxSize] : null,
  };
}
