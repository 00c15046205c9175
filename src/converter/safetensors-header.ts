/**
 * The header of one safetensors file, read defensively: eight bytes of length, then JSON which says for every tensor
 * its dtype, its shape and where its bytes lie. Every value is checked against the file's size before use, because a corrupt
 * header would otherwise cause a wrong weight or a huge allocation. Knows nothing about shards or models.
 * Format: https://huggingface.co/docs/safetensors ("Format").
 */
import { NamedError, messageOf } from '../shared/errors.ts';
import { type JsonObject, isObject } from '../shared/json.ts';

/** The format's own limit, bytes: the reference reader refuses longer headers too. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bits per element of every dtype the format knows. */
const DTYPE_BITS = {
  F32: 32,
  F16: 16,
  BF16: 16,
  F64: 64,
  I64: 64,
  U64: 64,
  C64: 64,
  I32: 32,
  U32: 32,
  I16: 16,
  U16: 16,
  I8: 8,
  U8: 8,
  BOOL: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
} as const;

/** A dtype of the format. Only F32, F16 and BF16 can be read as weights; tensors of other types may be present but stay unread. */
export type TensorDtype = keyof typeof DTYPE_BITS;

/** Where one tensor lies. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: TensorDtype;
  readonly shape: readonly number[];
  /** The file that holds it, relative to the checkpoint folder. */
  readonly file: string;
  /** Where its bytes start, from the beginning of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

const ADVICE = 'the file is damaged or incomplete: download it again';

/**
 * Reads and checks the header of one file.
 * @param blob the whole file; only its header is read
 * @param file its path, for messages and for the entries
 * @returns the tensors, in the order of their bytes
 * @throws SafetensorsError naming the file, the tensor, the value and the limit
 */
export async function readSafetensorsHeader(blob: Blob, file: string): Promise<TensorEntry[]> {
  const headerBytes = await readHeaderLength(blob, file);
  const header = parseHeader(await blob.slice(8, 8 + headerBytes).arrayBuffer(), file);
  const dataOffset = 8 + headerBytes;
  const entries: TensorEntry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') checkMetadata(value, file);
    else entries.push(parseEntry(name, value, file, dataOffset));
  }
  entries.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  checkCoverage(entries, file, dataOffset, blob.size);
  return entries;
}

async function readHeaderLength(blob: Blob, file: string): Promise<number> {
  if (blob.size < 8) {
    throw corrupt(`${file} is ${blob.size} bytes long, and a safetensors file starts with 8 bytes of header length`);
  }
  const length = new DataView(await blob.slice(0, 8).arrayBuffer()).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw corrupt(`${file} declares a header of ${length} bytes, more than the limit of ${MAX_HEADER_BYTES}`);
  }
  if (Number(length) > blob.size - 8) {
    throw corrupt(`${file} declares a header of ${length} bytes, but only ${blob.size - 8} bytes follow`);
  }
  return Number(length);
}

function parseHeader(bytes: ArrayBuffer, file: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(`the header of ${file} is not JSON (${messageOf(cause)})`, cause);
  }
  if (!isObject(parsed)) throw corrupt(`the header of ${file} is not a JSON object`);
  return parsed;
}

function checkMetadata(value: unknown, file: string): void {
  if (!isObject(value) || !Object.values(value).every((entry) => typeof entry === 'string')) {
    throw corrupt(`__metadata__ of ${file} is not an object of strings`);
  }
}

function parseEntry(name: string, value: unknown, file: string, dataOffset: number): TensorEntry {
  const where = `tensor ${shown(name)} of ${file}`;
  if (!isObject(value)) throw corrupt(`${where} is described by ${shown(value)}, not by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) {
    throw corrupt(`${where} has dtype ${shown(dtype)}; known are ${Object.keys(DTYPE_BITS).join(', ')}`);
  }
  if (!isSizeList(shape)) {
    throw corrupt(`${where} has shape ${shown(shape)}, which is not a list of non-negative whole numbers`);
  }
  if (!isSizeList(offsets) || offsets.length !== 2) {
    throw corrupt(`${where} has data_offsets ${shown(offsets)}, which are not two non-negative whole numbers`);
  }
  const [begin = 0, end = 0] = offsets;
  if (end < begin) throw corrupt(`${where} ends at byte ${end}, before its beginning at byte ${begin}`);
  const needed = byteLengthOf(shape, DTYPE_BITS[dtype]);
  if (needed !== end - begin) {
    const size = needed === undefined ? 'no countable number of bytes' : `${needed} bytes`;
    throw corrupt(`${where} is ${dtype} of shape ${shown(shape)}, ${size}, but data_offsets give it ${end - begin}`);
  }
  return { name, dtype, shape, file, byteOffset: dataOffset + begin, byteLength: needed };
}

/** Bytes of a tensor; undefined when the number overflows or is not a whole number of bytes. */
function byteLengthOf(shape: readonly number[], bitsPerElement: number): number | undefined {
  let bits = bitsPerElement;
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) return undefined;
  }
  return bits % 8 === 0 ? bits / 8 : undefined;
}

/** Checks that the tensors cover all bytes after the header, as the format requires: no overlap, no gap, no rest. */
function checkCoverage(entries: readonly TensorEntry[], file: string, dataOffset: number, fileBytes: number): void {
  let covered = dataOffset;
  for (const { name, byteOffset, byteLength } of entries) {
    const where = `tensor ${shown(name)} of ${file}`;
    if (byteOffset < covered) {
      throw corrupt(`${where} starts at byte ${byteOffset} and overlaps the one before, which ends at ${covered}`);
    }
    if (byteOffset > covered) {
      throw corrupt(`${where} starts at byte ${byteOffset}, but the one before ends at ${covered}: a hole`);
    }
    covered += byteLength;
    if (covered > fileBytes) {
      throw corrupt(`${where} ends at byte ${covered}, but the file is only ${fileBytes} bytes long`);
    }
  }
  if (covered !== fileBytes) {
    throw corrupt(`the tensors of ${file} end at byte ${covered}, but the file is ${fileBytes} bytes long`);
  }
}

function isDtype(value: unknown): value is TensorDtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BITS, value);
}

function isSizeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** A value from the header, short enough for a message. */
function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  return text.length > 100 ? `${text.slice(0, 100)}...` : text;
}

function corrupt(what: string, cause?: unknown): NamedError {
  return new NamedError('SafetensorsError', `${what}; ${ADVICE}`, { cause });
}
