/** A runtime whose tensors all lie on the host: the CPU through WASM or natively. Its cache grows. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { bytesOf } from '../../shared/bytes.ts';
import { OrtSession } from './ort-session.ts';
import { hostData, joinedShape, unwrap, WrappedTensor } from './ort-tensors.ts';
import type { Rows, Runtime, Session, SessionFiles, Tensor, TensorData, TensorType } from './runtime.ts';

/** What tells one host runtime from another. */
export interface HostOptions {
  /** Whether awaiting a run leaves the thread free. */
  readonly concurrent: boolean;
  readonly open: (files: SessionFiles) => Promise<InferenceSession>;
  readonly tensor: (type: TensorType, data: TensorData, dims: readonly number[]) => OrtTensor;
}

/** Runs graphs on the host. */
export class HostRuntime implements Runtime {
  readonly staticCache = false;
  readonly pipelined = false;
  readonly checksItself = false;
  readonly concurrent: boolean;
  readonly #parts: HostOptions;

  constructor(parts: HostOptions) {
    this.#parts = parts;
    this.concurrent = parts.concurrent;
  }

  async createSession(files: SessionFiles): Promise<Session> {
    return new OrtSession(await this.#parts.open(files));
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new WrappedTensor(this.#parts.tensor(type, data, dims));
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return this.tensor(type, data, dims);
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    bytesOf(hostData(unwrap(tensor).data)).set(bytesOf(data));
  }

  allocate(): Tensor {
    throw new Error('a host runtime has no device memory: its cache grows');
  }

  async join(parts: readonly Rows[]): Promise<Tensor> {
    const { type, width, count } = joinedShape(parts);
    const joined = type === 'float16' ? new Uint16Array(count * width) : new Float32Array(count * width);
    let at = 0;
    for (const part of parts) {
      const data = await part.tensor.read();
      if (data instanceof BigInt64Array) throw new TypeError('rows of floats are joined');
      joined.set(data.subarray(part.first * width, (part.first + part.count) * width), at);
      at += part.count * width;
    }
    return this.tensor(type, joined, [1, count, width]);
  }

  readLater(tensor: Tensor): Promise<TensorData> {
    return tensor.read();
  }

  async dispose(): Promise<void> {
    // Sessions are released by whoever made them; there is nothing else.
  }
}
