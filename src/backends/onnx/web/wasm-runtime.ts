/** onnxruntime-web on WASM: f32 on the CPU, threads where the page is cross-origin isolated. */
import { createHostRuntime } from '../host-runtime.ts';
import type { HostRuntime } from '../runtime.ts';
import type { Ort } from './ort-build.ts';

/** Makes a runtime from a loaded build. */
export function createWasmRuntime(ort: Ort): HostRuntime {
  return createHostRuntime({
    leavesThreadFree: false, // a run blocks its thread: a stop is noticed between runs
    async open({ graph, data }) {
      const bytes = new Uint8Array(await graph.arrayBuffer());
      const externalData = await Promise.all(
        data.map(async ({ path, blob }) => ({ path, data: new Uint8Array(await blob.arrayBuffer()) })),
      );
      const options = { executionProviders: ['wasm'], externalData, logSeverityLevel: 3 } as const;
      return ort.InferenceSession.create(bytes, options);
    },
    tensor: (type, data, dims) => new ort.Tensor(type, data, dims),
  });
}
