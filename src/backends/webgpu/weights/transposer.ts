/** Transposes matrices of floats on the device, chunk by chunk as they arrive from disk. */
import type { Compiler } from '../gpu/compiler.ts';
import { TRANSPOSE_INPUTS, transposeGrid, transposeKernel, transposePlacement } from './transpose-kernel.ts';
import type { MatrixFormat } from './weight-reader.ts';

/** A chunk of a matrix, `[inputs, rows]` in whole words as stored, and its position. */
export interface TransposeChunk {
  readonly bytes: ArrayBuffer | ArrayBufferView<ArrayBuffer>;
  readonly format: MatrixFormat;
  /** The chunk's first input, a multiple of {@link TRANSPOSE_INPUTS}. */
  readonly first: number;
  readonly inputs: number;
}

/** Transposes matrices on one device. */
export class Transposer {
  readonly #compiler: Compiler;

  constructor(compiler: Compiler) {
    this.#compiler = compiler;
  }

  /** Inputs of a chunk of about `bytes`. */
  inputsFor({ rows, floats }: MatrixFormat, bytes: number): number {
    const inputBytes = rows * (floats === 'f16' ? 2 : 4);
    return Math.max(1, Math.floor(bytes / inputBytes / TRANSPOSE_INPUTS)) * TRANSPOSE_INPUTS;
  }

  /** Writes a chunk into the matrix. Resolves when the device has finished. */
  async transpose({ bytes, format, first, inputs }: TransposeChunk, matrix: GPUBuffer): Promise<void> {
    const { device } = this.#compiler;
    const compiled = await this.#compiler.compile(transposeKernel(format.floats));
    const { STORAGE, UNIFORM, COPY_DST } = GPUBufferUsage;
    const placement = transposePlacement(format, first);
    const buffers = [
      device.createBuffer({ label: 'transpose chunk', size: bytes.byteLength, usage: STORAGE | COPY_DST }),
      device.createBuffer({ label: 'transpose placement', size: placement.byteLength, usage: UNIFORM | COPY_DST }),
    ] as const;
    device.queue.writeBuffer(buffers[0], 0, bytes);
    device.queue.writeBuffer(buffers[1], 0, placement);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled.pipeline);
    pass.setBindGroup(0, compiled.bind([buffers[0], matrix, buffers[1]]));
    pass.dispatchWorkgroups(...transposeGrid(format, inputs));
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    for (const buffer of buffers) buffer.destroy();
  }
}
