/**
 * Copies results from the device to the host, with several small ones in flight at once. Staging buffers are reused, so their
 * number is the largest number of results ever in flight.
 */

/** Bytes of a staging buffer. */
const STAGING_BYTES = 256;

/** The staging buffers of one device; destroying the device frees them. */
export class Readback {
  readonly #device: GPUDevice;
  readonly #free: GPUBuffer[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /**
   * Copies the first `byteLength` bytes of `buffer` after all submitted work; resolves on arrival. A result larger than a
   * staging buffer gets its own.
   */
  async read(buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
    if (byteLength > STAGING_BYTES) return readBuffer(this.#device, buffer, byteLength);
    const staging = this.#free.pop() ?? makeStaging(this.#device, STAGING_BYTES);
    const bytes = await copyThrough(this.#device, { buffer, staging, byteLength });
    this.#free.push(staging);
    return bytes;
  }
}

/** Copies the first bytes of a buffer to the host; resolves on arrival. */
export async function readBuffer(device: GPUDevice, buffer: GPUBuffer, byteLength: number): Promise<ArrayBuffer> {
  const staging = makeStaging(device, Math.ceil(byteLength / 4) * 4);
  const bytes = await copyThrough(device, { buffer, staging, byteLength });
  staging.destroy();
  return bytes;
}

function makeStaging(device: GPUDevice, size: number): GPUBuffer {
  return device.createBuffer({ label: 'staging', size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
}

async function copyThrough(
  device: GPUDevice,
  {
    buffer,
    staging,
    byteLength,
  }: { readonly buffer: GPUBuffer; readonly staging: GPUBuffer; readonly byteLength: number },
): Promise<ArrayBuffer> {
  const size = Math.ceil(byteLength / 4) * 4; // copies and mappings cover whole words
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const bytes = staging.getMappedRange(0, size).slice(0, byteLength);
  staging.unmap();
  return bytes;
}
