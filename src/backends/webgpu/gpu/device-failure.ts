/** Tells when a graphics device can no longer be relied on, and tells its failure from other errors. */
import { NamedError } from '../../../shared/errors.ts';
import { pause } from '../../../shared/pause.ts';

/** Within this time after something went wrong the browser reports whether the device failed. */
export const FAILURE_REPORT_MS = 100;

/**
 * Resolves with why, as what follows "The graphics device", when the device is lost or refuses something it was told to do. WebGPU
 * throws for neither: a buffer there was no memory for is used all the same, and reads as zeros or as what was there before.
 * Errors that are waited for in a scope do not count. Never rejects.
 */
export function deviceFailure(device: GPUDevice): Promise<string> {
  return new Promise((resolve) => {
    void device.lost.then(({ reason, message }) => resolve(`was lost (${message || reason}).`));
    const onError = ({ error }: GPUUncapturedErrorEvent): void =>
      resolve(
        error instanceof GPUOutOfMemoryError
          ? `ran out of memory (${error.message}). A smaller pixel budget or model needs less, as do fewer other tabs.`
          : `refused its work (${error.message}).`,
      );
    device.addEventListener('uncapturederror', onError, { once: true });
  });
}

/** Waits `ms` for the news that the device failed: then a RuntimeUnavailableError, else null. */
export async function failureWithin(failure: Promise<string>, ms: number): Promise<NamedError | null> {
  const why = await Promise.race([failure, pause(ms)]);
  return why === undefined ? null : new NamedError('RuntimeUnavailableError', `The graphics device ${why}`);
}

/**
 * Opens something on a device, which is destroyed when that fails. Gives it with the device and the news of its failure. Throws what
 * `open` throws, and RuntimeUnavailableError where the device failed meanwhile, which is then the cause of whatever else went wrong.
 */
export async function openOnDevice<T extends object>(
  device: GPUDevice,
  open: (device: GPUDevice) => Promise<T>,
): Promise<T & { readonly device: GPUDevice; readonly failure: Promise<string> }> {
  const failure = deviceFailure(device);
  try {
    return { ...(await open(device)), device, failure };
  } catch (thrown) {
    const failed = await failureWithin(failure, FAILURE_REPORT_MS); // before the device is destroyed, which looks like its loss
    device.destroy();
    throw failed ?? thrown;
  }
}
