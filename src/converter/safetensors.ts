/**
 * A checkpoint's tensors: reads their headers and decodes their bytes to floats. One `model.safetensors`, or shards
 * named by `model.safetensors.index.json`. Knows nothing about which tensors a model needs.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { bf16ToF32, f16ToF32 } from '../shared/float16.ts';
import { missingWeights } from './missing-weights.ts';
import { type TensorEntry, readSafetensorsHeader } from './safetensors-header.ts';
import { INDEX_FILE, readShardIndex } from './shard-index.ts';

/** The one file of a checkpoint without shards. */
const SINGLE_FILE = 'model.safetensors';

/** A checkpoint's tensors by name. */
export interface TensorStore {
  /** Every tensor of every file; file by file, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The files they lie in. */
  readonly files: ReadonlyMap<string, Blob>;
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
  else for (const file of index) blobs.set(file, await openShard(source, file));

  for (const [file, blob] of blobs) {
    for (const entry of await readSafetensorsHeader(blob, file)) {
      // If two shards hold a tensor, transformers takes the later copy. Deleting the entry first moves it into that file's order.
      tensors.delete(entry.name);
      tensors.set(entry.name, entry);
    }
  }
  return { tensors, files: blobs };
}

async function openShard(source: FileSource, file: string): Promise<Blob> {
  const blob = await source.blob(file);
  if (blob === undefined) throw corrupt(`${source.name} has no ${file}, which ${INDEX_FILE} names`);
  return blob;
}

/**
 * Elements of a tensor as f32.
 * @param first the index of the first element in the tensor, for messages
 * @param bytes as they lie in the file, aligned for the tensor's dtype
 * @param into memory for the result, at least as many elements; new memory when left out
 * @throws CheckpointError when the dtype is not F32, F16 or BF16, or a value is not finite
 */
export function decodeElements(
  entry: TensorEntry,
  first: number,
  bytes: Uint8Array,
  into?: Float32Array,
): Float32Array {
  const { buffer, byteOffset, length } = bytes;
  const count = length / bytesPerElement(entry);
  const values = into?.subarray(0, count) ?? new Float32Array(count);
  if (entry.dtype === 'BF16') {
    if (bf16ToF32(new Uint16Array(buffer, byteOffset, count), values)) return values;
  } else if (entry.dtype === 'F16') f16ToF32(new Uint16Array(buffer, byteOffset, count), values);
  else values.set(new Float32Array(buffer, byteOffset, count));
  const bad = firstNonFinite(values);
  if (bad >= 0) throw nonFinite(entry, first + bad, values[bad]);
  return values;
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

/** Bytes of an element. Throws CheckpointError for a dtype that weights cannot be read from. */
export function bytesPerElement({ name, dtype, file }: TensorEntry): number {
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

function corrupt(what: string): NamedError {
  return new NamedError('SafetensorsError', `${what}; download the checkpoint's files again`);
}
