/**
 * Builds one ONNX graph in memory: inputs, outputs, nodes, and initializers which are either small and inline or live in
 * an external data file. It knows ONNX's messages, but no model.
 * Source: onnx/onnx.proto3 (field numbers), ONNX IR specification.
 */
import { ProtobufWriter } from './protobuf.ts';

/** TensorProto.DataType of the element types we use. */
export const DATA_TYPE = { f32: 1, u8: 2, i32: 6, i64: 7, f16: 10 } as const;

/** An element type of {@link DATA_TYPE}. */
export type ElementType = keyof typeof DATA_TYPE;

/** A dimension: a fixed size, or the name of one that is only known at run time. */
export type Dimension = number | string;

/** Where an initializer's bytes lie: a file beside the graph. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** An attribute's value; integers are given as bigint so that `1` is never ambiguous. */
export type Attribute = bigint | number | string | readonly bigint[];

/** The opsets and IR version every graph of ours declares. */
const IR_VERSION = 10;
const OPSETS = [
  { domain: '', version: 20 },
  { domain: 'com.microsoft', version: 1 },
];

/** One ONNX graph under construction. Values are named by strings, as in the file. */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #known = new Set<string>();
  readonly #inputs: ProtobufWriter[] = [];
  readonly #outputs: ProtobufWriter[] = [];
  #counter = 0;
  readonly #locations = new Set<string>();
  readonly #folder: string;

  /** `folder`: where the graph's file will lie, `''` or with a slash at its end; external data must lie there or below. */
  constructor(name: string, folder = '') {
    this.#name = name;
    this.#folder = folder;
  }

  /** Declares a graph input and returns its name. */
  input(name: string, type: ElementType, dims: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, dims));
    return name;
  }

  /** Declares a graph output; some node must produce it. */
  output(name: string, type: ElementType, dims: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(name, type, dims));
  }

  /** Adds an initializer whose bytes lie in a file beside the graph. Adding a name twice keeps the first. */
  external(name: string, type: ElementType, dims: readonly number[], data: ExternalData): string {
    if (this.#known.has(name)) return name;
    this.#known.add(name);
    this.#locations.add(data.location);
    const tensor = tensorProto(name, type, dims).integer(14, 1); // data_location = EXTERNAL
    if (!data.location.startsWith(this.#folder)) throw new Error(`${data.location} does not lie in ${this.#folder}`);
    const fromHere = { ...data, location: data.location.slice(this.#folder.length) };
    for (const [key, value] of Object.entries(fromHere)) {
      tensor.message(13, new ProtobufWriter().string(1, key).string(2, String(value)));
    }
    this.#initializers.push(tensor);
    return name;
  }

  /** Adds a small int64 constant and returns its name. Equal constants are shared. */
  int64(values: readonly number[], scalar = false): string {
    const name = `const.i64.${scalar ? 's' : ''}${values.join('_')}`;
    const bytes = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
    return this.#inline(name, 'i64', scalar ? [] : [values.length], bytes);
  }

  /** Adds a small f32 constant under a name of its own and returns the name; adding a name twice keeps the first. */
  float32(name: string, values: readonly number[]): string {
    return this.#inline(`const.f32.${name}`, 'f32', [values.length], new Uint8Array(Float32Array.from(values).buffer));
  }

  /** Adds a node and returns its first output's name. An empty string stands for an absent optional input. */
  node(
    op: string,
    inputs: readonly string[],
    options: {
      readonly domain?: string;
      readonly outputs?: readonly string[];
      readonly attributes?: Readonly<Record<string, Attribute>>;
    } = {},
  ): string {
    const id = this.#counter++;
    const outputs = options.outputs ?? [`${op}.${id}`];
    const node = new ProtobufWriter();
    for (const input of inputs) node.string(1, input);
    for (const output of outputs) node.string(2, output);
    node.string(3, `${op}_${id}`).string(4, op);
    for (const [name, value] of Object.entries(options.attributes ?? {})) node.message(5, attributeProto(name, value));
    if (options.domain !== undefined) node.string(7, options.domain);
    this.#nodes.push(node);
    return outputs[0] ?? '';
  }

  /** The external data files the graph refers to. */
  get dataFiles(): readonly string[] {
    return [...this.#locations];
  }

  /** The ModelProto's bytes. */
  finish(): Uint8Array {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.message(1, node);
    graph.string(2, this.#name);
    for (const initializer of this.#initializers) graph.message(5, initializer);
    for (const input of this.#inputs) graph.message(11, input);
    for (const output of this.#outputs) graph.message(12, output);
    const model = new ProtobufWriter().integer(1, IR_VERSION).string(2, 'visionthink-web').message(7, graph);
    for (const { domain, version } of OPSETS) {
      model.message(8, new ProtobufWriter().string(1, domain).integer(2, version));
    }
    return model.finish();
  }

  #inline(name: string, type: ElementType, dims: readonly number[], bytes: Uint8Array): string {
    if (!this.#known.has(name)) {
      this.#known.add(name);
      this.#initializers.push(tensorProto(name, type, dims).bytes(9, bytes));
    }
    return name;
  }
}

function tensorProto(name: string, type: ElementType, dims: readonly number[]): ProtobufWriter {
  const tensor = new ProtobufWriter();
  for (const dim of dims) tensor.integer(1, dim);
  return tensor.integer(2, DATA_TYPE[type]).string(8, name);
}

function valueInfo(name: string, type: ElementType, dims: readonly Dimension[]): ProtobufWriter {
  const shape = new ProtobufWriter();
  for (const dim of dims) {
    const one = new ProtobufWriter();
    shape.message(1, typeof dim === 'number' ? one.integer(1, dim) : one.string(2, dim));
  }
  const tensorType = new ProtobufWriter().integer(1, DATA_TYPE[type]).message(2, shape);
  return new ProtobufWriter().string(1, name).message(2, new ProtobufWriter().message(1, tensorType));
}

// AttributeProto: name 1, f 2, i 3, s 4, ints 8, type 20 (FLOAT 1, INT 2, STRING 3, INTS 7)
function attributeProto(name: string, value: Attribute): ProtobufWriter {
  const attribute = new ProtobufWriter().string(1, name);
  if (typeof value === 'bigint') return attribute.integer(3, value).integer(20, 2);
  if (typeof value === 'number') return attribute.float(2, value).integer(20, 1);
  if (typeof value === 'string') return attribute.string(4, value).integer(20, 3);
  for (const item of value) attribute.integer(8, item);
  return attribute.integer(20, 7);
}
