/** A backend that was opened in this worker. */
import type { WebGpuBackend } from '../src/backends/webgpu/webgpu-backend.ts';
import type { Backend } from '../src/engine/backend.ts';

/** A backend, and the news of its device's failure. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** As `deviceFailure` says; never for WASM. */
  readonly failure: Promise<string>;
  /** The graphics device that computes, where one does. */
  readonly device?: GPUDevice;
  /** The same where our own kernels run: to time them. */
  readonly kernels?: WebGpuBackend;
}
