/** The page half of the trial allocation's browser test. */
import { tryAllocation } from '../../src/backends/webgpu/gpu/trial-allocation.ts';

Object.assign(globalThis, {
  /** Tries `bytes` on the adapter there is. */
  tryBytes: async (bytes: number) => {
    const adapter = await navigator.gpu.requestAdapter();
    return adapter === null ? 'no adapter' : tryAllocation(adapter, bytes);
  },
});
