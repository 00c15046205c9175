/**
 * A minimal WebAssembly assembler: expressions as nested calls, functions over one exported memory. Enough for small
 * vector kernels that no toolchain has to build. It validates nothing: the engine does when it compiles the module.
 * Source: WebAssembly core specification, release 2.0: binary format (chapter 5), vector instructions (5.4.8).
 */

/** Encoded instructions; TypeScript does not track the type that they push. */
export type Code = readonly number[];

/** The value types that are used here, as the binary format numbers them. */
const VALUE_TYPES = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

/** A type of local variables. */
export type ValueType = keyof typeof VALUE_TYPES;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const byte = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return bytes;
}

/** Signed LEB128 of an i32. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const byte = rest & 0x7f;
    rest >>= 7;
    if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) return [...bytes, byte];
    bytes.push(byte | 0x80);
  }
}

function littleEndian(bytes: number, write: (view: DataView) => void): number[] {
  const buffer = new ArrayBuffer(bytes);
  write(new DataView(buffer));
  return [...new Uint8Array(buffer)];
}

const f32Bytes = (value: number): number[] => littleEndian(4, (view) => view.setFloat32(0, value, true));
const f64Bytes = (value: number): number[] => littleEndian(8, (view) => view.setFloat64(0, value, true));

const plain =
  (opcode: number) =>
  (...operands: Code[]): Code => [...operands.flat(), opcode];
const vector =
  (opcode: number) =>
  (...operands: Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)];
const runner =
  (opcode: number) =>
  (operand: Code, index: number): Code => [...operand, 0xfd, ...unsigned(opcode), index];
/** Alignment is only a hint: 0, none. */
const memory =
  (prefix: readonly number[]) =>
  (address: Code, offset: number, ...operands: Code[]): Code => [
    ...address,
    ...operands.flat(),
    ...prefix,
    0,
    ...unsigned(offset),
  ];

/** Reads a local. */
export const get = (local: number): Code => [0x20, ...unsigned(local)];
/** Writes a local. */
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
/** Statements one after the other. */
export const sequence = (...statements: Code[]): Code => statements.flat();
/** Runs the body, and again as long as the condition at its end (i32) is not 0. */
export const doWhile = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];
/** Runs the first body where the condition (i32) is not 0, else the second. */
export const when = (condition: Code, yes: Code, no: Code = []): Code => [
  ...condition,
  0x04,
  0x40,
  ...yes,
  ...(no.length > 0 ? [0x05, ...no] : []),
  0x0b,
];
/** The first value where the condition (i32) is not 0, else the second; both are computed. */
export const choose = (condition: Code, yes: Code, no: Code): Code => [...yes, ...no, ...condition, 0x1b];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: plain(0x6a),
  sub: plain(0x6b),
  eq: plain(0x46),
  ne: plain(0x47),
  lt_u: plain(0x49),
  load: memory([0x28]),
};

export const f32 = {
  const: (value: number): Code => [0x43, ...f32Bytes(value)],
  load: memory([0x2a]),
  store: memory([0x38]),
  eq: plain(0x5b),
  ne: plain(0x5c),
  lt: plain(0x5d),
  gt: plain(0x5e),
  abs: plain(0x8b),
  neg: plain(0x8c),
  mul: plain(0x94),
  div: plain(0x95),
};

export const f64 = {
  const: (value: number): Code => [0x44, ...f64Bytes(value)],
  div: plain(0xa3),
  promote: plain(0xbb),
};

export const v128 = {
  load: memory([0xfd, 0x00]),
  store: memory([0xfd, 0x0b]),
  /** Loads four bytes into the first lane and zeros into the others. */
  load32_zero: memory([0xfd, 0x5c]),
  /** Stores the first lane's four bytes. */
  store32_first: (address: Code, offset: number, value: Code): Code => [
    ...memory([0xfd, 0x5a])(address, offset, value),
    0,
  ],
  and: vector(0x4e),
  or: vector(0x50),
  /** Bits of the first operand where the third has ones, else of the second. */
  select: vector(0x52),
  /** Lanes of 32 bits, numbered 0 to 3 in the first operand and 4 to 7 in the second. */
  shuffle: (a: Code, b: Code, runners: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    0xfd,
    0x0d,
    ...runners.flatMap((index) => [0, 1, 2, 3].map((byte) => 4 * index + byte)),
  ],
};

export const i32x4 = {
  const: (value: number): Code => [
    0xfd,
    0x0c,
    ...[0, 1, 2, 3].flatMap(() => littleEndian(4, (view) => view.setInt32(0, value, true))),
  ],
  splat: vector(0x11),
  add: vector(0xae),
  mul: vector(0xb5),
  shr_s: vector(0xac),
  shr_u: vector(0xad),
  extend_low_i16x8_u: vector(0xa9),
  extend_high_i16x8_u: vector(0xaa),
  /** Converts two f64 lanes into the low half and sets the high half to zero. */
  trunc_f64x2_zero: vector(0xfc),
};

export const i16x8 = {
  const: (value: number): Code => [
    0xfd,
    0x0c,
    ...Array.from({ length: 8 }, () => littleEndian(2, (view) => view.setInt16(0, value, true))).flat(),
  ],
  narrow_i32x4: vector(0x85),
  shr_u: vector(0x8d),
  extend_low_i8x16_u: vector(0x89),
  extend_high_i8x16_u: vector(0x8a),
};

export const i8x16 = {
  /** Saturates to 0..255. */
  narrow_i16x8_u: vector(0x66),
};

export const f32x4 = {
  const: (...values: readonly [number, number, number, number]): Code => [0xfd, 0x0c, ...values.flatMap(f32Bytes)],
  splat: vector(0x13),
  extract: runner(0x1f),
  lt: vector(0x43),
  gt: vector(0x44),
  nearest: vector(0x6a),
  add: vector(0xe4),
  sub: vector(0xe5),
  mul: vector(0xe6),
  div: vector(0xe7),
  /** The second where it is less than the first, else the first. */
  pmin: vector(0xea),
  /** The second where it is greater than the first, else the first. */
  pmax: vector(0xeb),
};

export const f64x2 = {
  splat: vector(0x14),
  gt: vector(0x4a),
  promote_low: vector(0x5f),
  ceil: vector(0x74),
  add: vector(0xf0),
  sub: vector(0xf1),
  mul: vector(0xf2),
};

/** Names the local variables of a function with `parameters` parameters, and remembers their types. */
export class Locals {
  readonly types: ValueType[] = [];
  readonly #parameters: number;

  constructor(parameters: number) {
    this.#parameters = parameters;
  }

  add(type: ValueType): number {
    return this.#parameters + this.types.push(type) - 1;
  }
}

/** A function under construction: parameters are i32, it returns nothing. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: number;
  /** Types of its other locals, which are numbered after the parameters. */
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

function section(id: number, content: Code): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function list(items: readonly Code[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(name: string): number[] {
  return list([...new TextEncoder().encode(name)].map((byte) => [byte]));
}

/** A module's bytes: the functions, each exported by its name, and `memory` of as many pages of 64 KiB. */
export function assemble(functions: readonly WasmFunction[], memoryPages: number): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...list(Array.from({ length: parameters }, () => [VALUE_TYPES.i32])),
    0,
  ]);
  const exports = functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]);
  const bodies = functions.map(({ locals, body }) => {
    const code = [...list(locals.map((type) => [1, VALUE_TYPES[type]])), ...body, 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...new TextEncoder().encode('\0asm'),
    ...littleEndian(4, (view) => view.setUint32(0, 1, true)),
    ...section(1, list(types)),
    ...section(3, list(functions.map((_, index) => unsigned(index)))),
    ...section(5, list([[0, ...unsigned(memoryPages)]])),
    ...section(7, list([...exports, [...text('memory'), 0x02, 0]])),
    ...section(10, list(bodies)),
  ]);
}
