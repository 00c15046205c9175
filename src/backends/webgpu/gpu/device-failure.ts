/** Reports when a graphics device can no longer be relied on. */

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
