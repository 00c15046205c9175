/** A runtime whose tensors all lie on the host: the CPU through WASM or natively. Its cache grows. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { OrtSession } from './ort-session.ts';
import { joinedShape, WrappedTensor } from './ort-tensors.ts';
import type { HostRuntime, Rows, Session, SessionFiles, Tensor, TensorData, TensorType } from './runtime.ts';

/** How host runtimes differ. */
export interface HostOptions {
  /** Whether awaiting a run leaves the thread free. */
  readonly leavesThreadFree: boolean;
  readonly open: (files: SessionFiles) => Promise<InferenceSession>;
  readonly tensor: (type: TensorType, data: TensorData, dims: readonly number[]) => OrtTensor;
}

/** Makes a runtime on the host. */
export function createHostRuntime(options: HostOptions): HostRuntime {
  return new OrtHostRuntime(options);
}

class OrtHostRuntime implements HostRuntime {
  readonly kind = 'host';
  readonly leavesThreadFree: boolean;
  readonly #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
    this.leavesThreadFree = options.leavesThreadFree;
  }

  async createSession(files: SessionFiles): Promise<Session> {
    return new OrtSession(await this.#options.open(files));
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new WrappedTensor(this.#options.tensor(type, data, dims));
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

  async dispose(): Promise<void> {
    // Sessions are released by their owners; the runtime holds nothing else.
  }
}
