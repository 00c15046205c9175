/** onnxruntime-web on WebGPU: a static cache in GPU buffers, features and embeddings that never leave the device. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { bytesOf } from '../../../shared/bytes.ts';
import { OrtSession } from '../ort-session.ts';
import { byteLength, elementBytes, hostArray, joinedShape, unwrap, WrappedTensor } from '../ort-tensors.ts';
import type { DeviceRuntime, Rows, Session, SessionFiles, Tensor, TensorData, TensorType } from '../runtime.ts';
import type { Ort } from './ort-build.ts';
import { readBuffer, Readback } from '../../webgpu/gpu/readback.ts';
import { withTimeout } from './timeout.ts';

/** Session creation that takes longer than this never finishes. */
const CREATE_TIMEOUT_MS = 180_000;

/** GPU buffers are sized in multiples of this. */
const BUFFER_ALIGNMENT = 16;

/** Makes a runtime on `device`. The runtime owns the device and destroys it when disposed. */
export function createWebGpuRuntime(ort: Ort, device: GPUDevice): DeviceRuntime {
  return new OrtWebGpuRuntime(ort, device);
}

class OrtWebGpuRuntime implements DeviceRuntime {
  readonly kind = 'device';
  readonly leavesThreadFree = true;
  readonly #ort: Ort;
  readonly #device: GPUDevice;
  readonly #readback: Readback;

  constructor(ort: Ort, device: GPUDevice) {
    this.#ort = ort;
    this.#device = device;
    this.#readback = new Readback(device);
  }

  async createSession(files: SessionFiles): Promise<Session> {
    const graph = new Uint8Array(await files.graph.arrayBuffer());
    const locations = Object.fromEntries(files.deviceOutputs.map((name) => [name, 'gpu-buffer' as const]));
    const options: InferenceSession.SessionOptions = {
      // Of 200 answers, 196 equal fp32's with sums in f16, 199 with sums in f32 (docs/log.md).
      executionProviders: [{ name: 'webgpu', device: this.#device, enableMatmulFp32Accumulation: true }],
      externalData: files.data.map(({ path, blob }) => ({ path, data: blob })),
      preferredOutputLocation: locations,
      logSeverityLevel: 3,
    };
    const creating = this.#ort.InferenceSession.create(graph, options);
    return new OrtSession(await withTimeout(creating, CREATE_TIMEOUT_MS, `making the session for ${files.path}`));
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new WrappedTensor(new this.#ort.Tensor(type, data, dims));
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    const tensor = this.allocate(type, dims);
    this.overwrite(tensor, data);
    return tensor;
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    // writeBuffer requires multiples of four bytes; the buffer itself is large enough.
    const bytes = new Uint8Array(Math.ceil(data.byteLength / 4) * 4);
    bytes.set(bytesOf(data));
    this.#device.queue.writeBuffer(unwrap(tensor).gpuBuffer, 0, bytes);
  }

  allocate(type: TensorType, dims: readonly number[]): Tensor {
    const bytes = byteLength(type, dims);
    const buffer = this.#device.createBuffer({
      size: Math.max(BUFFER_ALIGNMENT, Math.ceil(bytes / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    return this.#wrap(buffer, type, dims);
  }

  async join(parts: readonly Rows[]): Promise<Tensor> {
    const { type, width, count } = joinedShape(parts);
    const joined = this.allocate(type, [1, count, width]);
    const rowBytes = width * elementBytes(type);
    const encoder = this.#device.createCommandEncoder();
    let at = 0;
    for (const part of parts) {
      const [from, to] = [unwrap(part.tensor).gpuBuffer, unwrap(joined).gpuBuffer];
      encoder.copyBufferToBuffer(from, part.first * rowBytes, to, at * rowBytes, part.count * rowBytes);
      at += part.count;
    }
    this.#device.queue.submit([encoder.finish()]);
    return joined;
  }

  async readLater(tensor: Tensor): Promise<TensorData> {
    const { gpuBuffer } = unwrap(tensor);
    return hostArray(tensor.type, await this.#readback.read(gpuBuffer, byteLength(tensor.type, tensor.dims)));
  }

  async settled(): Promise<void> {
    await this.#device.queue.onSubmittedWorkDone();
  }

  async dispose(): Promise<void> {
    this.#device.destroy();
  }

  #wrap(buffer: GPUBuffer, type: TensorType, dims: readonly number[]): Tensor {
    const options: Parameters<typeof OrtTensor.fromGpuBuffer>[1] = {
      dataType: type,
      dims,
      download: async () => hostArray(type, await readBuffer(this.#device, buffer, byteLength(type, dims))),
      dispose: () => buffer.destroy(),
    };
    return new WrappedTensor(this.#ort.Tensor.fromGpuBuffer(buffer, options));
  }
}
