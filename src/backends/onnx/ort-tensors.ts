/** Adapts tensors of onnxruntime to `Tensor`, for the web and the node runtime: both have the same API. */
import type { Tensor as OrtTensor } from 'onnxruntime-common';
import type { Rows, Tensor, TensorData, TensorType } from './runtime.ts';

/** One onnxruntime tensor as a `Tensor`. */
export class WrappedTensor implements Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly ort: OrtTensor;

  constructor(ort: OrtTensor) {
    this.ort = ort;
    this.type = tensorType(ort.type);
    this.dims = ort.dims;
  }

  async read(): Promise<TensorData> {
    return hostData(this.ort.location === 'cpu' ? this.ort.data : await this.ort.getData());
  }

  dispose(): void {
    if (this.ort.location === 'gpu-buffer') this.ort.dispose();
  }
}

/** The onnxruntime tensor behind one of ours. Throws when another runtime made it. */
export function unwrap(tensor: Tensor): OrtTensor {
  if (tensor instanceof WrappedTensor) return tensor.ort;
  throw new TypeError('this tensor was made by another runtime');
}

/** Host arrays by element type; f16 as bits, whatever class onnxruntime uses for it. */
export function hostData(data: OrtTensor['data']): TensorData {
  if (data instanceof Float32Array || data instanceof BigInt64Array || data instanceof Int32Array) return data;
  if (data instanceof Uint16Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2); // Float16Array
  throw new TypeError('onnxruntime returned a tensor of an unexpected type');
}

function tensorType(type: string): TensorType {
  if (type === 'float32' || type === 'float16' || type === 'int64' || type === 'int32') return type;
  throw new TypeError(`onnxruntime returned a tensor of type ${type}, which no graph of ours has`);
}

/** Bytes of one element. */
export function elementBytes(type: TensorType): number {
  return { float32: 4, float16: 2, int64: 8, int32: 4 }[type];
}

/** Bytes of a whole tensor. */
export function byteLength(type: TensorType, dims: readonly number[]): number {
  return dims.reduce((a, b) => a * b, 1) * elementBytes(type);
}

/** Bytes as the host array for their type. */
export function hostArray(type: TensorType, bytes: ArrayBuffer): TensorData {
  const arrays = {
    float32: Float32Array,
    float16: Uint16Array,
    int64: BigInt64Array,
    int32: Int32Array,
  };
  return new arrays[type](bytes);
}

/** The type, width and count of concatenated rows. Throws RangeError when there are none. */
export function joinedShape(parts: readonly Rows[]): { type: TensorType; width: number; count: number } {
  const [first] = parts;
  if (first === undefined) throw new RangeError('there are no rows to join');
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  return { type: first.tensor.type, width: first.tensor.dims[2] ?? 0, count };
}
