/** Runs kernel cases on a device. */
import { bytesOf } from '../../../shared/bytes.ts';
import { messageOf } from '../../../shared/errors.ts';
import type { Compiled, Compiler } from '../gpu/compiler.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import { type Kernel, roundUp } from '../gpu/kernel.ts';
import { readBuffer } from '../gpu/readback.ts';
import { compare, type Comparison, type Numbers, numbersOf, untouched } from './compare.ts';
import { type CaseBuffer, type CaseRun, type KernelCase, lackFor } from './kernel-case.ts';

/** The outcome of a case on a device. */
export interface CaseOutcome {
  readonly name: string;
  readonly state: 'passed' | 'failed' | 'not run';
  /** The largest error, in the terms of {@link KernelCase.tolerance}; 0 if it did not run. */
  readonly error: number;
  /** The largest error in words, or why it failed or did not run. */
  readonly detail: string;
  /** The kernel's results: one array for each buffer with expectations. */
  readonly outputs: readonly Numbers[];
}

/** Runs a case and compares its results. `alter` may replace the kernel, so that a test can plant faults. Never rejects. */
export async function runCase(
  compiler: Compiler,
  one: KernelCase,
  alter: (kernel: Kernel) => Kernel = (kernel) => kernel,
): Promise<CaseOutcome> {
  const { name, tolerance } = one;
  const traits = traitsOf(compiler.device);
  const lack = lackFor(one.needs, traits);
  if (lack !== null) return { name, state: 'not run', error: 0, detail: lack, outputs: [] };
  try {
    const run = one.make(traits);
    const compiled = await compiler.compile(alter(run.kernel));
    const after = await dispatched(compiler.device, run, compiled);
    const outputs = run.buffers.flatMap((buffer) =>
      buffer.expected === undefined ? [] : [{ ...buffer, expected: buffer.expected }],
    );
    const numbers = outputs.map(({ expected }, i) => numbersOf(expected, after[i] ?? new ArrayBuffer(0)));
    let worst: Comparison = { error: 0, detail: 'equal' };
    outputs.forEach((output, i) => {
      const before = numbersOf(output.expected, bytesOf(dataOf(output)).slice().buffer);
      const found = compare(output.expected, numbers[i] ?? new Float32Array(0), before);
      if (found.error > worst.error) worst = found;
    });
    const passed = outputs.length > 0 && worst.error <= tolerance;
    return { name, state: passed ? 'passed' : 'failed', ...worst, outputs: numbers };
  } catch (thrown) {
    return { name, state: 'failed', error: Infinity, detail: messageOf(thrown), outputs: [] };
  }
}

/** Runs many cases, a few at a time: the driver compiles one while another runs. */
export async function runCases(
  compiler: Compiler,
  cases: readonly KernelCase[],
  onOutcome: (outcome: CaseOutcome) => void,
): Promise<void> {
  const waiting = [...cases];
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) onOutcome(await runCase(compiler, one));
  };
  await Promise.all(Array.from({ length: 8 }, work));
}

/** Buffers of a run on a device, and its bind group. */
export interface PreparedRun {
  readonly buffers: readonly GPUBuffer[];
  readonly group: GPUBindGroup;
  dispose(): void;
}

/** Fills the buffers of a run. Dispose them afterwards. */
export function prepareRun(device: GPUDevice, { kernel, buffers }: CaseRun, compiled: Compiled): PreparedRun {
  const made = buffers.map((buffer, i) => {
    const data = dataOf(buffer);
    const kind = kernel.bindings[i]?.access === 'uniform' ? GPUBufferUsage.UNIFORM : GPUBufferUsage.STORAGE;
    const usage = kind | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const bytes = new Uint8Array(roundUp(data.byteLength, 16));
    bytes.set(bytesOf(data));
    const onDevice = device.createBuffer({ label: 'case', size: bytes.byteLength, usage });
    device.queue.writeBuffer(onDevice, 0, bytes);
    return onDevice;
  });
  return {
    buffers: made,
    group: compiled.bind(made),
    dispose: () => {
      for (const buffer of made) buffer.destroy();
    },
  };
}

/** Runs once and reads the buffers with expectations. Rejects with the device's validation error. */
async function dispatched(device: GPUDevice, run: CaseRun, compiled: Compiled): Promise<readonly ArrayBuffer[]> {
  // No await between push and pop, so that concurrent cases stay out of the scope.
  device.pushErrorScope('validation');
  let prepared: PreparedRun;
  let refusal: Promise<GPUError | null>;
  try {
    prepared = prepareRun(device, run, compiled);
    dispatchOnce(device, run, compiled, prepared);
  } finally {
    refusal = device.popErrorScope();
  }
  try {
    const checked = prepared.buffers.filter((_, i) => run.buffers[i]?.expected !== undefined);
    const reading = Promise.all(checked.map((buffer) => readBuffer(device, buffer, buffer.size)));
    const error = await refusal;
    if (error !== null) throw new Error(error.message);
    return await reading;
  } finally {
    prepared.dispose();
  }
}

function dispatchOnce(device: GPUDevice, run: CaseRun, compiled: Compiled, { group }: PreparedRun): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(compiled.pipeline);
  pass.setBindGroup(0, group);
  const [x = 1, y = 1, z = 1] = run.grid;
  pass.dispatchWorkgroups(x, y, z);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

function dataOf(buffer: CaseBuffer): ArrayBufferView<ArrayBuffer> {
  return buffer.data ?? untouched(buffer.expected);
}
