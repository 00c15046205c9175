/**
 * onnxruntime-node: the CPU provider, f32 activations. Graphs are opened by path, so their external data is mapped
 * from disk and never copied through JavaScript.
 */
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { createHostRuntime } from '../host-runtime.ts';
import type { HostRuntime } from '../runtime.ts';

/** Makes a runtime for the model folder at `directory`. */
export function createNodeRuntime(directory: string): HostRuntime {
  return createHostRuntime({
    leavesThreadFree: true,
    open: ({ path }) =>
      InferenceSession.create(join(directory, path), { executionProviders: ['cpu'], logSeverityLevel: 3 }),
    tensor: (type, data, dims) => new OrtTensor(type, data, dims),
  });
}
