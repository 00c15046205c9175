/**
 * Records dispatches into one compute pass until it is submitted. While kernels are timed, each dispatch gets its own pass.
 */
import type { Compiled } from './compiler.ts';

/** Most dispatches of one submit that can be timed: WebGPU's largest query set holds 4,096 timestamps, two for each. */
const MAX_TIMED = 2048;

/** GPU time of the kernels of one kind. */
export interface KernelTime {
  readonly dispatches: number;
  readonly ms: number;
}

/** Records and submits. */
export class CommandStream {
  readonly #device: GPUDevice;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #timer: Timer | null = null;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Records a dispatch after the earlier ones. */
  dispatch(compiled: Compiled, group: GPUBindGroup, [x, y = 1, z = 1]: readonly number[]): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    const pass = this.#timer?.begin(this.#encoder, compiled.label) ?? (this.#pass ??= this.#encoder.beginComputePass());
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(x ?? 1, y, z);
    if (pass !== this.#pass) pass.end();
  }

  /** Submits the recorded work, if any. */
  submit(): void {
    const encoder = this.#encoder;
    if (encoder === null) return;
    this.#pass?.end();
    const read = this.#timer?.resolve(encoder);
    this.#device.queue.submit([encoder.finish()]);
    this.#encoder = null;
    this.#pass = null;
    read?.();
  }

  /** Starts timing kernels; false if the device has no timestamps. */
  startTiming(): boolean {
    if (!this.#device.features.has('timestamp-query')) return false;
    this.submit();
    this.#timer = new Timer(this.#device);
    return true;
  }

  /** Stops timing and returns the time of each kind of kernel. Chromium rounds a timestamp to 100 µs unless its developer features are on. */
  async stopTiming(): Promise<ReadonlyMap<string, KernelTime>> {
    this.submit();
    const timer = this.#timer;
    this.#timer = null;
    return (await timer?.finish()) ?? new Map();
  }
}

class Timer {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  readonly #reading: Promise<void>[] = [];
  readonly #times = new Map<string, { dispatches: number; ms: number }>();
  #labels: string[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * MAX_TIMED });
    const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
    this.#resolved = device.createBuffer({ size: 16 * MAX_TIMED, usage });
  }

  /** A pass for one dispatch; null when there are no timestamps left. */
  begin(encoder: GPUCommandEncoder, label: string): GPUComputePassEncoder | null {
    const i = this.#labels.length;
    if (i >= MAX_TIMED) return null;
    this.#labels.push(label);
    const marks = { beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
    return encoder.beginComputePass({ timestampWrites: { querySet: this.#queries, ...marks } });
  }

  /** Copies the timestamps out; the function returned reads them once the encoder is submitted. */
  resolve(encoder: GPUCommandEncoder): () => void {
    const labels = this.#labels;
    this.#labels = [];
    const size = 16 * labels.length;
    if (size === 0) return () => undefined;
    const staging = this.#device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.resolveQuerySet(this.#queries, 0, 2 * labels.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size);
    return () => this.#reading.push(this.#read(staging, labels));
  }

  async finish(): Promise<ReadonlyMap<string, KernelTime>> {
    await Promise.all(this.#reading);
    this.#queries.destroy();
    this.#resolved.destroy();
    return this.#times;
  }

  async #read(staging: GPUBuffer, labels: readonly string[]): Promise<void> {
    await staging.mapAsync(GPUMapMode.READ);
    const marks = new BigInt64Array(staging.getMappedRange().slice(0));
    staging.destroy();
    labels.forEach((label, i) => {
      const time = this.#times.get(label) ?? { dispatches: 0, ms: 0 };
      time.dispatches++;
      time.ms += Number((marks[2 * i + 1] ?? 0n) - (marks[2 * i] ?? 0n)) / 1e6;
      this.#times.set(label, time);
    });
  }
}
