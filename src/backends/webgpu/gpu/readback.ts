/**
 * Copies small results from the device to the host, several at a time. Each goes through a staging buffer that serves the next
 * once it has arrived, so there are as many buffers as results were ever in flight at once.
 */

/** Bytes of a staging buffer. */
const STAGING_BYTES = 256;

/** The staging buffers of one device; they go with it. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #free: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Copies the first `byteLength` bytes of what `buffer` holds after all that has been submitted; resolves when they have arrived. */
  async read(buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
    if (byteLength > STAGING_BYTES) throw new RangeError(`${byteLength} bytes are more than ${STAGING_BYTES}`);
    const staging =
      this.#free.pop() ??
      this.#device.createBuffer({ size: STAGING_BYTES, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, byteLength);
    this.#device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange(0, byteLength).slice(0);
    staging.unmap();
    this.#free.push(staging);
    return bytes;
  }
}
