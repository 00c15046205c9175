/**
 * A checkpoint's tensors, opened lazily: headers first, then one tensor, or a few rows of one, at a time. One
 * `model.safetensors` or shards named by `model.safetensors.index.json`. A 7B checkpoint is 16 GB, so no file is ever
 * read whole and no more than one piece is held beside the result. Knows nothing about which tensors a model needs.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { bf16ToF32, f16ToF32 } from '../shared/float16.ts';
import { missingWeights } from './missing-weights.ts';
import { type TensorEntry, readSafetensorsHeader } from './safetensors-header.ts';
import { INDEX_FILE, readShardIndex } from './shard-index.ts';

/** The one file of a checkpoint without shards. */
const SINGLE_FILE = 'model.safetensors';

/** Source elements per piece while reading: at most 64 MiB, so that the piece never counts beside the result. */
const PIECE_ELEMENTS = 1 << 24;

/** A checkpoint's tensors by name. */
export interface TensorStore {
  /** Every tensor of every file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Bytes of all tensors together. */
  readonly bytes: number;
  /**
   * The whole tensor as f32, row-major in its shape.
   * @throws CheckpointError when there is no such tensor, its dtype is not F32, F16 or BF16, or a value is not finite
   * @throws SafetensorsError when the file is shorter than it was when it was opened
   */
  read(name: string): Promise<Float32Array>;
  /**
   * Rows `firstRow` to `firstRow + rowCount` (exclusive) along axis 0 as f32, `[rowCount, ...shape.slice(1)]`.
   * @throws RangeError for rows the tensor does not have; otherwise as `read`
   */
  readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array>;
}

/**
 * Opens the tensors of a checkpoint folder; reads headers only.
 * @throws CheckpointError when the folder has no safetensors weights, saying what it has instead
 * @throws SafetensorsError when a header or the index is corrupt, or a shard is missing
 */
export async function openSafetensors(source: FileSource): Promise<TensorStore> {
  const blobs = new Map<string, Blob>();
  const tensors = new Map<string, TensorEntry>();
  const single = await source.blob(SINGLE_FILE);
  const index = single === undefined ? await readShardIndex(source) : undefined;
  if (single !== undefined) blobs.set(SINGLE_FILE, single);
  else if (index === undefined) throw await missingWeights(source);
  else for (const file of new Set(index.values())) blobs.set(file, await openShard(source, file));

  for (const [file, blob] of blobs) {
    for (const entry of await readSafetensorsHeader(blob, file)) {
      const other = tensors.get(entry.name);
      if (other !== undefined) throw corrupt(`tensor ${entry.name} is both in ${other.file} and in ${file}`);
      tensors.set(entry.name, entry);
    }
  }
  for (const [name, file] of index ?? []) {
    if (tensors.get(name)?.file !== file) throw corrupt(`${INDEX_FILE} puts ${name} into ${file}, but it is not there`);
  }
  return new SlicedTensors(blobs, tensors);
}

async function openShard(source: FileSource, file: string): Promise<Blob> {
  const blob = await source.blob(file);
  if (blob === undefined) throw corrupt(`${source.name} has no ${file}, which ${INDEX_FILE} names`);
  return blob;
}

class SlicedTensors implements TensorStore {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly bytes: number;
  readonly #blobs: ReadonlyMap<string, Blob>;

  constructor(blobs: ReadonlyMap<string, Blob>, tensors: ReadonlyMap<string, TensorEntry>) {
    this.#blobs = blobs;
    this.tensors = tensors;
    this.bytes = [...tensors.values()].reduce((sum, entry) => sum + entry.byteLength, 0);
  }

  async read(name: string): Promise<Float32Array> {
    const entry = this.#entry(name);
    return this.#readElements(entry, 0, sizeOf(entry.shape));
  }

  async readRows(name: string, firstRow: number, rowCount: number): Promise<Float32Array> {
    const entry = this.#entry(name);
    const [rows = 0, ...rest] = entry.shape;
    if (!Number.isInteger(firstRow) || !Number.isInteger(rowCount)) throw new RangeError('rows are whole numbers');
    if (firstRow < 0 || rowCount < 0 || firstRow + rowCount > rows) {
      throw new RangeError(`rows ${firstRow} to ${firstRow + rowCount} of ${name}, which has ${rows}`);
    }
    const rowSize = sizeOf(rest);
    return this.#readElements(entry, firstRow * rowSize, rowCount * rowSize);
  }

  #entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry === undefined) throw new NamedError('CheckpointError', `the checkpoint has no tensor ${name}`);
    return entry;
  }

  async #readElements(entry: TensorEntry, first: number, count: number): Promise<Float32Array> {
    const elementBytes = bytesPerElement(entry);
    const result = new Float32Array(count);
    for (let done = 0; done < count; done += PIECE_ELEMENTS) {
      const piece = result.subarray(done, Math.min(count, done + PIECE_ELEMENTS));
      const begin = entry.byteOffset + (first + done) * elementBytes;
      upcast(await this.#readBytes(entry, begin, piece.length * elementBytes), entry.dtype, piece);
      const bad = firstNonFinite(piece);
      if (bad >= 0) throw nonFinite(entry, first + done + bad, piece[bad]);
    }
    return result;
  }

  async #readBytes(entry: TensorEntry, begin: number, length: number): Promise<ArrayBuffer> {
    const bytes = await this.#blobs
      .get(entry.file)
      ?.slice(begin, begin + length)
      .arrayBuffer();
    if (bytes?.byteLength === length) return bytes;
    throw corrupt(`${entry.file} gave ${bytes?.byteLength ?? 0} of the ${length} bytes of ${entry.name} at ${begin}`);
  }
}

/** Fills `result` with the f32 values of `bytes`, which hold as many elements. */
function upcast(bytes: ArrayBuffer, dtype: string, result: Float32Array): void {
  if (dtype === 'BF16') bf16ToF32(new Uint16Array(bytes), result);
  else if (dtype === 'F16') f16ToF32(new Uint16Array(bytes), result);
  else result.set(new Float32Array(bytes));
}

/**
 * Where the first NaN or infinity lies.
 * @param values any length
 * @returns its index, or -1 when every value is finite
 */
export function firstNonFinite(values: Float32Array): number {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    if (((bits[i] ?? 0) & 0x7f800000) === 0x7f800000) return i; // an exponent of all ones
  }
  return -1;
}

function bytesPerElement({ name, dtype, file }: TensorEntry): number {
  if (dtype === 'F32') return 4;
  if (dtype === 'F16' || dtype === 'BF16') return 2;
  const advice = 'use the original checkpoint, which is not quantised';
  throw new NamedError('CheckpointError', `tensor ${name} of ${file} is ${dtype}, not F32, F16 or BF16; ${advice}`);
}

function nonFinite({ name, file, shape }: TensorEntry, index: number, value: number | undefined): NamedError {
  const where = `tensor ${name} of ${file}, shape [${shape}], is ${value} at element ${index}`;
  const advice = 'the weights are damaged: download the file again, or save the checkpoint again from its training run';
  return new NamedError('CheckpointError', `${where}; ${advice}`);
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function corrupt(what: string): NamedError {
  return new NamedError('SafetensorsError', `${what}; download the checkpoint's files again`);
}
