/** A backend that was opened in this worker, and how to distinguish the failure of its device from other errors. */
import type { WebGpuBackend } from '../src/backends/webgpu/webgpu-backend.ts';
import type { Backend } from '../src/engine/backend.ts';
import { NamedError } from '../src/shared/errors.ts';
import { pause } from '../src/shared/pause.ts';

/** Within this time after something went wrong the browser reports whether the device failed. */
export const FAILURE_REPORT_MS = 100;

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

/** Waits `ms` for the news that the device failed: then a RuntimeUnavailableError, else null. */
export async function failureWithin(failure: Promise<string>, ms: number): Promise<NamedError | null> {
  const why = await Promise.race([failure, pause(ms)]);
  return why === undefined ? null : new NamedError('RuntimeUnavailableError', `The graphics device ${why}`);
}
