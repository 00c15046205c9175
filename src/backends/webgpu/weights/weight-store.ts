/**
 * Loads weights from data files into GPU buffers, a few MB at a time. A weight shared by two graphs, such as a tied embedding
 * table, is loaded once.
 */
import { NamedError } from '../../../shared/errors.ts';
import { f16ToF32 } from '../../../shared/float16.ts';
import type { ExternalWeight } from '../../../onnx/read-initializers.ts';
import type { Transposer } from './transposer.ts';
import type { MatrixFormat } from './weight-reader.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Bytes read and uploaded at a time. */
const CHUNK_BYTES = 1 << 23;
/** Chunks in flight between file and device: this many occupy the browser's memory. */
const CHUNKS_IN_FLIGHT = 8;

/** Buffer sizes are multiples of this many bytes, the widest load of a kernel. */
const ALIGNMENT = 16;

/** A file of weights, by its path in the graphs. */
export interface DataFile {
  readonly path: string;
  readonly blob: Blob;
}

/** The weights of one device. */
export class WeightStore {
  readonly #device: GPUDevice;
  readonly #transposer: Transposer;
  readonly #loaded = new Map<string, Loading>();
  readonly #chunks = new Semaphore(CHUNKS_IN_FLIGHT);

  constructor(device: GPUDevice, transposer: Transposer) {
    this.#device = device;
    this.#transposer = transposer;
  }

  /** Weights in `files`, each held until the set is released. */
  open(files: readonly DataFile[]): WeightSet {
    const held: string[] = [];
    const take = (key: string, make: (loading: Users) => Promise<GPUBuffer>): Promise<GPUBuffer> => {
      const users: Users = this.#loaded.get(key)?.users ?? { count: 0 };
      users.count++;
      const buffer = this.#loaded.get(key)?.buffer ?? make(users);
      this.#loaded.set(key, { buffer, users });
      held.push(key);
      return buffer;
    };
    return {
      bytes: (weight) => take(keyOf(weight), (users) => this.#upload(weight, blobOf(files, weight), users)),
      transposed: (weight, format) =>
        take(`${keyOf(weight)} transposed`, (users) => this.#transpose(weight, format, blobOf(files, weight), users)),
      vector: (weight, paddedLength) =>
        take(`${keyOf(weight)} f32 ${paddedLength}`, () => this.#vector(weight, blobOf(files, weight), paddedLength)),
      release: () => {
        for (const key of held.splice(0)) {
          const known = this.#loaded.get(key);
          if (known === undefined || --known.users.count > 0) continue;
          this.#loaded.delete(key);
          // A buffer still loading is destroyed once loaded; its awaiters see a failure.
          void known.buffer.then(
            (buffer) => buffer.destroy(),
            () => undefined,
          );
        }
      },
    };
  }

  /** A weight's bytes as they are stored. */
  async #upload(weight: ExternalWeight, blob: Blob, users: Users): Promise<GPUBuffer> {
    const buffer = this.#buffer(weight.length, weight.name);
    const chunks: Promise<void>[] = [];
    for (let at = 0; at < weight.length; at += CHUNK_BYTES) {
      chunks.push(this.#chunks.use(() => this.#uploadChunk({ weight, blob, users }, buffer, at)));
    }
    await Promise.all(chunks);
    return buffer;
  }

  async #uploadChunk(
    { weight, blob, users }: { readonly weight: ExternalWeight; readonly blob: Blob; readonly users: Users },
    buffer: GPUBuffer,
    at: number,
  ): Promise<void> {
    if (users.count === 0) return; // released meanwhile: skip the rest
    const bytes = await read(weight, blob, at, Math.min(weight.length, at + CHUNK_BYTES));
    this.#device.queue.writeBuffer(buffer, at, wholeWords(bytes));
    // Written data stays in the browser's memory until the device has consumed it.
    await this.#device.queue.onSubmittedWorkDone();
  }

  /** A matrix of floats that is stored transposed, as rows. */
  async #transpose(weight: ExternalWeight, format: MatrixFormat, blob: Blob, users: Users): Promise<GPUBuffer> {
    const { cols } = format;
    const inputBytes = weight.length / cols;
    const matrix = this.#buffer(inputBytes * paddedWidth(cols), weight.name);
    const step = this.#transposer.inputsFor(format, CHUNK_BYTES);
    const transposeChunk = async (first: number): Promise<void> => {
      if (users.count === 0) return;
      const inputs = Math.min(step, cols - first);
      const bytes = await read(weight, blob, first * inputBytes, (first + inputs) * inputBytes);
      await this.#transposer.transpose({ bytes: wholeWords(bytes), format, first, inputs }, matrix);
    };
    const chunks: Promise<void>[] = [];
    for (let first = 0; first < cols; first += step) chunks.push(this.#chunks.use(() => transposeChunk(first)));
    await Promise.all(chunks);
    return matrix;
  }

  /** A vector as f32, zero-padded. */
  async #vector(weight: ExternalWeight, blob: Blob, paddedLength: number): Promise<GPUBuffer> {
    const bytes = await this.#chunks.use(() => read(weight, blob, 0, weight.length));
    const values = weight.type === 'f16' ? f16ToF32(new Uint16Array(bytes)) : new Float32Array(bytes);
    const padded = new Float32Array(paddedLength);
    padded.set(values);
    const buffer = this.#buffer(padded.byteLength, weight.name);
    this.#device.queue.writeBuffer(buffer, 0, padded);
    return buffer;
  }

  #buffer(bytes: number, label: string): GPUBuffer {
    const size = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (size > most) {
      throw new NamedError(
        'RuntimeUnavailableError',
        `The weight ${label} has ${size} bytes, the device binds ${most}.`,
      );
    }
    return this.#device.createBuffer({ label, size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST });
  }
}

/** How many sets use a weight. */
interface Users {
  count: number;
}

/** A weight that is loaded or being loaded. */
interface Loading {
  readonly buffer: Promise<GPUBuffer>;
  readonly users: Users;
}

/** The weights of one graph. */
export interface WeightSet {
  /** The stored bytes of a weight. */
  bytes(weight: ExternalWeight): Promise<GPUBuffer>;
  /** A matrix of floats that is stored transposed, `[cols, rows]`, as kernels read floats. */
  transposed(weight: ExternalWeight, format: MatrixFormat): Promise<GPUBuffer>;
  /** A stored vector of floats as f32, padded with zeros to a length. */
  vector(weight: ExternalWeight, paddedLength: number): Promise<GPUBuffer>;
  /** Releases all of them. */
  release(): void;
}

/** A semaphore: lets a limited number of tasks run at a time, in order of arrival. */
class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** Bytes `[from, to)` of a weight. Throws ModelFolderError when the file ends before. */
async function read(weight: ExternalWeight, blob: Blob, from: number, to: number): Promise<ArrayBuffer> {
  const bytes = await blob.slice(weight.offset + from, weight.offset + to).arrayBuffer();
  if (bytes.byteLength !== to - from) throw ended(weight);
  return bytes;
}

function keyOf({ location, offset, length }: ExternalWeight): string {
  return `${location} ${offset} ${length}`;
}

function blobOf(files: readonly DataFile[], { location, name }: ExternalWeight): Blob {
  // Graphs name data files relative to themselves; ours lie at the folder's root.
  const found = files.find(({ path }) => path === location);
  if (found !== undefined) return found.blob;
  throw new NamedError('ModelFolderError', `The data file ${location}, which holds ${name}, was not opened.`);
}

/** writeBuffer takes whole multiples of four bytes. */
function wholeWords(bytes: ArrayBuffer): ArrayBuffer | Uint8Array<ArrayBuffer> {
  if (bytes.byteLength % 4 === 0) return bytes;
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  padded.set(new Uint8Array(bytes));
  return padded;
}

function ended({ location, name }: ExternalWeight): NamedError {
  return new NamedError('ModelFolderError', `${location} ends within ${name}. Copy or convert the model folder again.`);
}
