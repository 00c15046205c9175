/**
 * Finds out how much memory the graphics device really has. WebGPU reports no size, so a trial allocates the bytes in buffers as
 * large as it allows, writes each once (a buffer that was never used may not exist yet), and frees them.
 */
import { messageOf } from '../../../shared/errors.ts';

/** Largest buffer of a trial, whatever the device allows: no weight is larger. */
const BUFFER_BYTES = 1 << 30;

/** Milliseconds after which a device that does not answer counts as out of memory. */
const PATIENCE_MS = 20_000;

/** The result of a trial. */
export interface Trial {
  /** Bytes that could be allocated: all that were asked for, or those before the first refusal. */
  readonly takenBytes: number;
  /** Why it ended early, in the browser's words; null if it did not. */
  readonly refusal: string | null;
}

/** Allocates `bytes` on a device of the adapter and frees them. Never throws. */
export async function tryAllocation(adapter: GPUAdapter, bytes: number): Promise<Trial> {
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const largest = Math.min(BUFFER_BYTES, maxBufferSize, maxStorageBufferBindingSize);
  const buffers: GPUBuffer[] = [];
  let device: GPUDevice | undefined;
  let takenBytes = 0;
  try {
    device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
    const lost = device.lost.then(({ message }) => `the device was lost (${message})`);
    while (takenBytes < bytes) {
      const size = Math.ceil(Math.min(largest, bytes - takenBytes) / 4) * 4;
      const refusal = await Promise.race([take(device, size, buffers), lost, silence()]);
      if (refusal !== null) return { takenBytes, refusal };
      takenBytes += size;
    }
    return { takenBytes: bytes, refusal: null };
  } catch (thrown) {
    return { takenBytes, refusal: messageOf(thrown) };
  } finally {
    for (const buffer of buffers) buffer.destroy();
    device?.destroy();
  }
}

/** Creates one buffer and writes it. Resolves to the reason of a failure, or null. */
async function take(device: GPUDevice, size: number, buffers: GPUBuffer[]): Promise<string | null> {
  for (const filter of ['validation', 'out-of-memory', 'internal'] as const) device.pushErrorScope(filter);
  const buffer = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  buffers.push(buffer);
  const encoder = device.createCommandEncoder();
  encoder.clearBuffer(buffer);
  device.queue.submit([encoder.finish()]);
  const scopes = [device.popErrorScope(), device.popErrorScope(), device.popErrorScope()];
  await device.queue.onSubmittedWorkDone();
  const error = (await Promise.all(scopes)).find((found) => found !== null);
  return error?.message ?? null;
}

function silence(): Promise<string> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(`it did not answer for ${PATIENCE_MS / 1000} seconds`), PATIENCE_MS);
  });
}
