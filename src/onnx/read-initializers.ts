/**
 * The weights of an ONNX graph: name, type, shape, and where in the data files their bytes lie. It reads only these fields
 * and skips the rest: the caller knows what the graph computes and needs no nodes.
 * Source: onnx/onnx.proto3 (ModelProto.graph 7, GraphProto.initializer 5, TensorProto dims 1, data_type 2, name 8,
 * external_data 13); protobuf.dev/programming-guides/encoding.
 */

/** Element types of weights; initializers of other types are skipped. */
export type WeightType = 'f32' | 'f16' | 'u8';

/** A weight in a data file beside the graph. */
export interface ExternalWeight {
  readonly name: string;
  readonly type: WeightType;
  readonly dims: readonly number[];
  /** The data file as the graph names it, and the bytes in it. */
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

const TYPES: Readonly<Record<number, WeightType>> = { 1: 'f32', 2: 'u8', 10: 'f16' };
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

/** A field of a message: its number, and the varint's value or the bytes. */
type Field =
  | { readonly number: number; readonly value: number; readonly bytes: null }
  | { readonly number: number; readonly value: null; readonly bytes: Uint8Array };

/**
 * All initializers of a graph that lie in data files, by name.
 * @param model the ModelProto's bytes
 * @throws RangeError if they end in the middle of a field, or contain a wire type that protobuf has deprecated
 */
export function readExternalWeights(model: Uint8Array): ReadonlyMap<string, ExternalWeight> {
  const weights = new Map<string, ExternalWeight>();
  for (const inModel of fields(model)) {
    if (inModel.number !== 7 || inModel.bytes === null) continue;
    for (const inGraph of fields(inModel.bytes)) {
      if (inGraph.number !== 5 || inGraph.bytes === null) continue;
      const weight = readTensor(inGraph.bytes);
      if (weight !== null) weights.set(weight.name, weight);
    }
  }
  return weights;
}

function readTensor(tensor: Uint8Array): ExternalWeight | null {
  const dims: number[] = [];
  const external = new Map<string, string>();
  let type: WeightType | undefined;
  let name = '';
  for (const field of fields(tensor)) {
    if (field.number === 1) dims.push(...(field.bytes === null ? [field.value] : varints(field.bytes)));
    if (field.number === 2 && field.bytes === null) type = TYPES[field.value];
    if (field.number === 8 && field.bytes !== null) name = text(field.bytes);
    if (field.number === 13 && field.bytes !== null) {
      const entry = [...fields(field.bytes)];
      const part = (number: number): string => text(entry.find((one) => one.number === number)?.bytes ?? null);
      external.set(part(1), part(2));
    }
  }
  const location = external.get('location');
  if (location === undefined || type === undefined) return null;
  const offset = Number(external.get('offset') ?? 0);
  return { name, type, dims, location, offset, length: Number(external.get('length') ?? 0) };
}

function* fields(message: Uint8Array): Generator<Field> {
  const reader = new Reader(message);
  while (!reader.ended) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const wire = tag % 8;
    if (wire === VARINT) yield { number, value: reader.varint(), bytes: null };
    else if (wire === LENGTH_DELIMITED) yield { number, value: null, bytes: reader.take(reader.varint()) };
    else if (wire === FIXED64) reader.take(8);
    else if (wire === FIXED32) reader.take(4);
    else throw new RangeError(`wire type ${wire} in an ONNX graph`);
  }
}

function varints(bytes: Uint8Array): number[] {
  const reader = new Reader(bytes);
  const values: number[] = [];
  while (!reader.ended) values.push(reader.varint());
  return values;
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : new TextDecoder().decode(bytes);
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** As a double: exact up to 2^53, which no size of a graph reaches. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('an ONNX graph ends within a number');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('an ONNX graph ends within a field');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
