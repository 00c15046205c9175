/** Activations as tensors: f32, or f16 as bits. */
import type { Activations } from '../../model/manifest.ts';
import { f16ToF32, f32ToF16 } from '../../shared/float16.ts';
import type { TensorData, TensorType } from './runtime.ts';

/** The element type of tensors that hold activations. */
export function activationType(activations: Activations): TensorType & ('float16' | 'float32') {
  return activations === 'f16' ? 'float16' : 'float32';
}

/** Floats in the activations' type: unchanged, or as f16 bits. */
export function asActivations(values: Float32Array, activations: Activations): Float32Array | Uint16Array {
  return activations === 'f16' ? f32ToF16(values) : values;
}

/** Activations as f32: unchanged, or converted from f16 bits. Throws TypeError for data that holds no floats. */
export function activationsToF32(data: TensorData): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint16Array) return f16ToF32(data);
  throw new TypeError('activations are f32 or f16');
}
