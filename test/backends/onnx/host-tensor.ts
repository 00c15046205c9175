/** Tensors of the scripted runtime. */
import type { Tensor, TensorData, Tensors, TensorType } from '../../../src/backends/onnx/runtime.ts';

/** A host tensor that records whether it was disposed of. */
export class HostTensor implements Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  disposed = false;
  readonly #onDispose: () => void;

  constructor(type: TensorType, data: TensorData, dims: readonly number[], onDispose = (): void => undefined) {
    const size = dims.reduce((a, b) => a * b, 1);
    if (data.length !== size) throw new Error(`${data.length} elements for [${dims}]`);
    this.type = type;
    this.data = data;
    this.dims = dims;
    this.#onDispose = onDispose;
  }

  async read(): Promise<TensorData> {
    if (this.disposed) throw new Error('read after dispose');
    return this.data;
  }

  dispose(): void {
    this.disposed = true;
    this.#onDispose();
  }
}

/** An input of a run; throws where the run lacks it. */
export function of(feeds: Tensors, name: string): Tensor {
  const tensor = feeds[name];
  if (tensor === undefined) throw new Error(`the run lacks ${name}`);
  return tensor;
}

/** A tensor of this machine. */
export function host(tensor: Tensor): HostTensor {
  if (tensor instanceof HostTensor) return tensor;
  throw new Error('a tensor of another runtime');
}

/** The floats of a tensor of this machine. */
export function floats(tensor: Tensor): Float32Array {
  const { data } = host(tensor);
  if (data instanceof Float32Array) return data;
  throw new Error('expected a tensor of floats');
}
