/** Work on a graphics device, whose failure WebGPU does not throw. */
import { FAILURE_REPORT_MS } from '../backends/webgpu/gpu/device-failure.ts';
import { NamedError } from '../shared/errors.ts';
import { pause } from '../shared/pause.ts';

/** Returns the result of `work`. Throws DeviceLostError when `failure`, as of `deviceFailure`, comes first or explains the error. */
export async function untilFailure<T>(failure: Promise<string>, work: Promise<T>): Promise<T> {
  const lost = failure.then((why) => {
    throw new NamedError(
      'DeviceLostError',
      `The graphics device ${why} Try again, or compute on the CPU: --backend cpu.`,
    );
  });
  lost.catch(() => undefined);
  try {
    return await Promise.race([work, lost]);
  } catch (thrown) {
    if (thrown instanceof NamedError) throw thrown;
    // Work in flight on a device that fails throws errors of its own, perhaps before the device's failure is reported.
    await Promise.race([lost, pause(FAILURE_REPORT_MS)]);
    throw thrown;
  }
}
