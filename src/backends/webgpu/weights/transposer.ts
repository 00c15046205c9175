/** Turns matrices of floats on the device, part by part as they come from the disk. */
import type { Compiler } from '../gpu/compiler.ts';
import { TURN_INPUTS, turnGrid, turnKernel, turnPlace } from './transpose-kernel.ts';
import type { MatrixFormat } from './weight-reader.ts';

/** Turns matrices on one device. */
export class Transposer {
  readonly #compiler: Compiler;

  constructor(compiler: Compiler) {
    this.#compiler = compiler;
  }

  /** Inputs of a part that has about `bytes`. */
  inputsFor({ rows, floats }: MatrixFormat, bytes: number): number {
    const inputBytes = rows * (floats === 'f16' ? 2 : 4);
    return Math.max(1, Math.floor(bytes / inputBytes / TURN_INPUTS)) * TURN_INPUTS;
  }

  /**
   * Puts a part into the matrix: `[inputs, rows]` as it is stored, in whole words, from input number `first` on, a multiple of
   * {@link TURN_INPUTS}. Resolves when the device has done it.
   */
  async turn(
    part: ArrayBuffer | ArrayBufferView<ArrayBuffer>,
    format: MatrixFormat,
    first: number,
    inputs: number,
    whole: GPUBuffer,
  ): Promise<void> {
    const { device } = this.#compiler;
    const compiled = await this.#compiler.compile(turnKernel(format.floats));
    const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
    const place = turnPlace(format, first);
    const buffers = [
      device.createBuffer({ label: 'part', size: part.byteLength, usage: STORAGE | COPY_DST }),
      device.createBuffer({ label: 'place', size: place.byteLength, usage: UNIFORM | COPY_DST }),
    ] as const;
    device.queue.writeBuffer(buffers[0], 0, part);
    device.queue.writeBuffer(buffers[1], 0, place);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, compiled.bind([buffers[0], whole, buffers[1]]));
    pass.dispatchWorkgroups(...turnGrid(format, inputs));
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    for (const buffer of buffers) buffer.destroy();
  }
}
