/** What the kernels need of the runtime they stand beside: its device, and the insides of its tensors. */
import type { DeviceRuntime as OnnxDeviceRuntime, Tensor, TensorData } from '../../onnx/runtime.ts';

/** A runtime whose tensors lie in buffers of a device that others may use too. */
export interface DeviceRuntime extends OnnxDeviceRuntime {
  readonly device: GPUDevice;
  /** The buffer of a tensor on the device, null for one on the host. */
  bufferOf(tensor: Tensor): GPUBuffer | null;
  /** The array of a tensor on the host. Throws TypeError for one on the device. */
  dataOf(tensor: Tensor): TensorData;
}

/** The buffer of a tensor that must lie on the device. Throws TypeError with its name otherwise. */
export function deviceBuffer(runtime: DeviceRuntime, tensor: Tensor | null | undefined, name: string): GPUBuffer {
  const buffer = tensor == null ? null : runtime.bufferOf(tensor);
  if (buffer === null) throw new TypeError(`${name} does not lie on the device`);
  return buffer;
}

/** The first number of a tensor that must lie on the host. Throws TypeError with its name otherwise. */
export function hostNumber(runtime: DeviceRuntime, tensor: Tensor | undefined, name: string): number {
  if (tensor === undefined) throw new TypeError(`${name} is missing`);
  return Number(runtime.dataOf(tensor)[0]);
}

/** Copies the first bytes of a buffer to the host; resolves when they have arrived. */
export async function readBuffer(device: GPUDevice, buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
  const size = Math.ceil(byteLength / 4) * 4;
  const staging = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging.getMappedRange().slice(0, byteLength);
  staging.destroy();
  return bytes;
}
