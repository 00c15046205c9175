/** Runs kernels for a self-test: owns their buffers and compares results with expected values. */
import { bytesOf } from '../../../shared/bytes.ts';
import { NamedError } from '../../../shared/errors.ts';
import { readBuffer } from '../gpu/readback.ts';
import type { KernelContext } from '../context.ts';
import type { Compiled } from '../gpu/compiler.ts';
import { PARAM_BYTES, type Params, paramWords, roundUp } from '../gpu/kernel.ts';

/** Largest error allowed, relative to the largest expected value: allows for f16 intermediates, far below the error of a wrong kernel. */
export const TOLERANCE = 0.02;

/** The error for a kernel that fails its self-test; `detail` says by how much. */
export function wrongKernelError(what: string, detail: string): NamedError {
  return new NamedError(
    'NumericCheckError',
    `The graphics driver computes our kernel "${what}" wrongly (${detail}). ` +
      'Update the driver or the browser; until then the app uses another way to compute.',
  );
}

/** The buffers of one self-test; dispose it afterwards. */
export class KernelFixture {
  readonly #context: KernelContext;
  readonly #buffers: GPUBuffer[] = [];

  constructor(context: KernelContext) {
    this.#context = context;
  }

  /** A buffer that holds `data`, in whole words of 16 bytes. */
  filled(data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.#make(data.byteLength, GPUBufferUsage.STORAGE);
    const bytes = new Uint8Array(buffer.size);
    bytes.set(bytesOf(data));
    this.#context.device.queue.writeBuffer(buffer, 0, bytes);
    return buffer;
  }

  /** A buffer of zeros. */
  empty(byteLength: number): GPUBuffer {
    return this.#make(byteLength, GPUBufferUsage.STORAGE);
  }

  /** The uniform buffer of a run; fields default to zero. */
  params(params: Params): GPUBuffer {
    const buffer = this.#make(PARAM_BYTES, GPUBufferUsage.UNIFORM);
    this.#context.device.queue.writeBuffer(buffer, 0, paramWords(params));
    return buffer;
  }

  /** Records a dispatch. */
  dispatch(compiled: Compiled, buffers: readonly GPUBuffer[], grid: readonly number[]): void {
    this.#context.stream.dispatch(compiled, compiled.bind(buffers), grid);
  }

  /**
   * Submits the recorded work and compares rows of `cols` numbers, `stride` apart, with the expected `[rows, cols]`; an expected
   * NaN accepts any value. Throws NumericCheckError when an error exceeds the tolerance or a result is NaN.
   */
  async expect(
    what: string,
    buffer: GPUBuffer,
    expected: Float32Array,
    { cols, stride }: { readonly cols: number; readonly stride: number },
  ): Promise<void> {
    this.#context.stream.submit();
    const found = new Float32Array(await readBuffer(this.#context.device, buffer, buffer.size));
    const largest = expected.reduce((most, value) => Math.max(most, Number.isNaN(value) ? 0 : Math.abs(value)), 0);
    let worst = 0;
    expected.forEach((value, i) => {
      if (Number.isNaN(value)) return;
      const error = Math.abs((found[Math.floor(i / cols) * stride + (i % cols)] ?? NaN) - value) / largest;
      if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
    });
    if (worst <= TOLERANCE) return;
    throw wrongKernelError(what, `error ${worst.toPrecision(3)}, at most ${TOLERANCE} is allowed`);
  }

  /** Frees the buffers. */
  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #make(byteLength: number, kind: number): GPUBuffer {
    const usage = kind | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const buffer = this.#context.device.createBuffer({ label: 'self-test', size: roundUp(byteLength, 16), usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}
