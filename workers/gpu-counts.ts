/**
 * Counts this thread's calls to its graphics device while something runs: dispatches, submits, copies into buffers, and
 * the time spent waiting for results. For measuring only: counting costs time itself.
 */

/** Counts of one stretch of work. */
export interface GpuCounts {
  readonly dispatches: number;
  readonly submits: number;
  readonly bufferWrites: number;
  readonly buffersMade: number;
  readonly waits: number;
  /** Milliseconds in which at least one buffer was being waited for. */
  readonly waitMs: number;
  /** Milliseconds inside the calls that record and submit work. */
  readonly callMs: number;
}

/** Runs `work` and counts. All zero where there is no WebGPU. */
export async function countGpu<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly counts: GpuCounts }> {
  const counts = { dispatches: 0, submits: 0, bufferWrites: 0, buffersMade: 0, waits: 0, waitMs: 0, callMs: 0 };
  if (typeof GPUDevice === 'undefined') return { result: await work(), counts };
  const restore: (() => void)[] = [];
  const count = (
    owner: object,
    method: string,
    name: 'dispatches' | 'submits' | 'bufferWrites' | 'buffersMade',
  ): void => {
    const before = Reflect.get(owner, method) as (...args: unknown[]) => unknown;
    Reflect.set(owner, method, function counted(this: unknown, ...args: unknown[]) {
      counts[name]++;
      const start = performance.now();
      const value = before.apply(this, args);
      counts.callMs += performance.now() - start;
      return value;
    });
    restore.push(() => Reflect.set(owner, method, before));
  };
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', 'dispatches');
  count(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
  count(GPUQueue.prototype, 'submit', 'submits');
  count(GPUQueue.prototype, 'writeBuffer', 'bufferWrites');
  count(GPUDevice.prototype, 'createBuffer', 'buffersMade');

  const { mapAsync } = GPUBuffer.prototype;
  let waiting = 0;
  let since = 0;
  GPUBuffer.prototype.mapAsync = async function mapCounted(...args) {
    counts.waits++;
    if (waiting++ === 0) since = performance.now();
    try {
      return await mapAsync.apply(this, args);
    } finally {
      if (--waiting === 0) counts.waitMs += performance.now() - since;
    }
  };
  restore.push(() => (GPUBuffer.prototype.mapAsync = mapAsync));
  try {
    return { result: await work(), counts };
  } finally {
    for (const undo of restore) undo();
  }
}

/** The counts per step, with names that say so. */
export function perStep(counts: GpuCounts, steps: number): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([name, value]) => [`${name}PerStep`, value / steps]));
}
