/** Rows of activations in buffers: embeddings, features, rotary tables, the cache. f16 or f32, without padding. */
import type { Activations } from '../../../model/manifest.ts';
import { bytesOf } from '../../../shared/bytes.ts';
import { f16ToF32, f32ToF16 } from '../../../shared/float16.ts';
import { roundUp } from './kernel.ts';
import { readBuffer } from './readback.ts';

/** Sizes are multiples of this many bytes, the widest load of a kernel. */
const ALIGNMENT = 16;

/** Bytes of one activation. */
export function activationBytes(activations: Activations): number {
  return activations === 'f16' ? 2 : 4;
}

/** An uninitialised buffer for `count` activations; kernels read and write it, and it can be copied. */
export function activationBuffer(
  device: GPUDevice,
  { label, activations, count }: { readonly label: string; readonly activations: Activations; readonly count: number },
): GPUBuffer {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const size = roundUp(Math.max(1, count * activationBytes(activations)), ALIGNMENT);
  return device.createBuffer({ label, size, usage });
}

/** Writes values to the start of a buffer as activations; work submitted earlier still reads the old content. */
export function writeActivations(
  device: GPUDevice,
  buffer: GPUBuffer,
  values: Float32Array,
  activations: Activations,
): void {
  const stored = activations === 'f16' ? f32ToF16(values) : values;
  const bytes = new Uint8Array(roundUp(stored.byteLength, 4)); // writeBuffer takes whole words
  bytes.set(bytesOf(stored));
  device.queue.writeBuffer(buffer, 0, bytes);
}

/** Copies the first `count` activations of a buffer to the host, as f32. */
export async function readActivations(
  device: GPUDevice,
  buffer: GPUBuffer,
  count: number,
  activations: Activations,
): Promise<Float32Array> {
  const bytes = await readBuffer(device, buffer, count * activationBytes(activations));
  return activations === 'f16' ? f16ToF32(new Uint16Array(bytes)) : new Float32Array(bytes);
}
