/** Reports when a graphics device can no longer be relied on, and distinguishes its failure from other errors. */
import { NamedError } from '../../../shared/errors.ts';
import { pause } from '../../../shared/pause.ts';

/** After an error, the browser reports a device failure within this time. */
export const FAILURE_REPORT_MS = 100;

/**
 * Resolves when the device is lost or refuses a command, with the reason as the continuation of "The graphics device". WebGPU
 * throws for neither: a buffer whose allocation failed remains usable, and reads as zeros or as stale data.
 * Errors caught by an error scope do not count. Never rejects.
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

/** Waits up to `ms` for a device failure; returns it as a RuntimeUnavailableError, else null. */
export async function failureWithin(failure: Promise<string>, ms: number): Promise<NamedError | null> {
  const why = await Promise.race([failure, pause(ms)]);
  return why === undefined ? null : new NamedError('RuntimeUnavailableError', `The graphics device ${why}`);
}

/**
 * Opens something on a device and destroys the device if that fails. Returns the result with the device and its failure promise.
 * Throws what `open` throws, or RuntimeUnavailableError if the device failed meanwhile, because that caused any other error.
 */
export async function openOnDevice<T extends object>(
  device: GPUDevice,
  open: (device: GPUDevice) => Promise<T>,
): Promise<T & { readonly device: GPUDevice; readonly failure: Promise<string> }> {
  const failure = deviceFailure(device);
  try {
    return { ...(await open(device)), device, failure };
  } catch (thrown) {
    const failed = await failureWithin(failure, FAILURE_REPORT_MS); // before destroying the device, which would count as its loss
    device.destroy();
    throw failed ?? thrown;
  }
}
