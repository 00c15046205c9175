/**
 * WGSL that reads a stored matrix as f32, a block of 32 inputs of one row at a time.
 *
 * Codes become floats without a conversion, and mostly without a shift: put into the mantissa of 2^23 a code q is the float
 * 2^23 + q, and a code that stands n bits higher is 2^23 + q 2^n. Less 2^23 and the zero point that is exact. What is left of
 * 2^n goes into the other factor of the product, exactly again (`PLACES`). f16 scales are unpacked, so no kernel needs shader-f16.
 */
import type { Binding } from './kernel.ts';
import { repeat } from './kernel.ts';

/** How a matrix is stored; see StoredMatrix. */
export interface MatrixFormat {
  readonly kind: 'q4' | 'q8' | 'transposed' | 'table';
  /** Type of the scales, or of the floats themselves. */
  readonly floats: 'f32' | 'f16';
  readonly rows: number;
  /** Inputs; for floats any number, read as zeros up to a whole block. */
  readonly cols: number;
}

/** Whether it has codes and scales, two buffers instead of one. */
export function isQuantized({ kind }: MatrixFormat): boolean {
  return kind === 'q4' || kind === 'q8';
}

/** Bindings of a matrix called `name`: codes and scales, or floats. */
export function matrixBindings(name: string, format: MatrixFormat): Binding[] {
  const floats = format.floats === 'f16' ? 'array<u32>' : 'array<f32>';
  if (!isQuantized(format)) return [{ name: `${name}_floats`, type: floats, access: 'read' }];
  return [
    { name: `${name}_codes`, type: 'array<vec4<u32>>', access: 'read' },
    { name: `${name}_scales`, type: floats, access: 'read' },
  ];
}

const MAGIC = 2 ** 23;

/**
 * Functions for the matrix `name`:
 * `name_block(row, block)`: its 32 numbers as eight vec4, each to be multiplied by `name_scale(row, block)` and, by
 * component, by `name_PLACES`;
 * `name_eight(row, block, part)`: numbers 8 part to 8 part + 7 of it, multiplied already.
 */
export function matrixReader(name: string, format: MatrixFormat): string {
  const blocks = Math.ceil(format.cols / 32);
  switch (format.kind) {
    case 'q4':
      return `
const ${name}_BLOCKS = ${blocks}u;
const ${name}_PLACES = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625);
${floatReader(name, `${name}_scales`, format.floats)}
fn ${name}_scale(row: u32, block: u32) -> f32 { return ${name}_float(row * ${blocks}u + block); }
fn ${name}_unpack(word: u32) -> array<vec4<f32>, 2> {
  const MASK = vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u);
  const ZERO = vec4<f32>(${[8, 128, 2048, 32_768].map((zero) => `${MAGIC + zero}.0`).join(', ')});
  return array<vec4<f32>, 2>(
    bitcast<vec4<f32>>((vec4<u32>(word) & MASK) | vec4<u32>(0x4b000000u)) - ZERO,
    bitcast<vec4<f32>>((vec4<u32>(word >> 16u) & MASK) | vec4<u32>(0x4b000000u)) - ZERO);
}
fn ${name}_block(row: u32, block: u32) -> array<vec4<f32>, 8> {
  let words = ${name}_codes[row * ${blocks}u + block];
${repeat(4, (i) => `  let p${i} = ${name}_unpack(words[${i}]);`)}
  return array<vec4<f32>, 8>(p0[0], p0[1], p1[0], p1[1], p2[0], p2[1], p3[0], p3[1]);
}
fn ${name}_eight(row: u32, block: u32, part: u32) -> array<vec4<f32>, 2> {
  let pair = ${name}_unpack(${name}_codes[row * ${blocks}u + block][part]);
  let places = ${name}_PLACES * ${name}_scale(row, block);
  return array<vec4<f32>, 2>(pair[0] * places, pair[1] * places);
}`;
    case 'q8':
      return `
const ${name}_BLOCKS = ${blocks}u;
const ${name}_PLACES = vec4<f32>(1.0, 0.00390625, 1.0, 0.00390625);
${floatReader(name, `${name}_scales`, format.floats)}
fn ${name}_scale(row: u32, block: u32) -> f32 { return ${name}_float(row * ${blocks}u + block); }
fn ${name}_unpack(word: u32) -> vec4<f32> {
  const MASK = vec4<u32>(0xffu, 0xff00u, 0xffu, 0xff00u);
  const ZERO = vec4<f32>(${[128, 32_768, 128, 32_768].map((zero) => `${MAGIC + zero}.0`).join(', ')});
  let high = word >> 16u;
  return bitcast<vec4<f32>>((vec4<u32>(word, word, high, high) & MASK) | vec4<u32>(0x4b000000u)) - ZERO;
}
fn ${name}_block(row: u32, block: u32) -> array<vec4<f32>, 8> {
  let at = (row * ${blocks}u + block) * 2u;
  let a = ${name}_codes[at];
  let b = ${name}_codes[at + 1u];
  return array<vec4<f32>, 8>(
    ${['a', 'b'].flatMap((half) => [0, 1, 2, 3].map((i) => `${name}_unpack(${half}[${i}])`)).join(', ')});
}
fn ${name}_eight(row: u32, block: u32, part: u32) -> array<vec4<f32>, 2> {
  let words = ${name}_codes[(row * ${blocks}u + block) * 2u + part / 2u];
  let places = ${name}_PLACES * ${name}_scale(row, block);
  let at = (part % 2u) * 2u;
  return array<vec4<f32>, 2>(${name}_unpack(words[at]) * places, ${name}_unpack(words[at + 1u]) * places);
}`;
    case 'transposed':
    case 'table':
      return `
const ${name}_PLACES = vec4<f32>(1.0);
${floatReader(name, `${name}_floats`, format.floats)}
fn ${name}_scale(row: u32, block: u32) -> f32 { return 1.0; }
fn ${name}_at(row: u32, col: u32) -> f32 {
  if (col >= ${format.cols}u) { return 0.0; }
  return ${name}_float(${format.kind === 'table' ? `row * ${format.cols}u + col` : `col * ${format.rows}u + row`});
}
fn ${name}_four(row: u32, col: u32) -> vec4<f32> {
  return vec4<f32>(${[0, 1, 2, 3].map((i) => `${name}_at(row, col + ${i}u)`).join(', ')});
}
fn ${name}_block(row: u32, block: u32) -> array<vec4<f32>, 8> {
  let col = block * 32u;
  return array<vec4<f32>, 8>(${[0, 1, 2, 3, 4, 5, 6, 7].map((i) => `${name}_four(row, col + ${4 * i}u)`).join(', ')});
}
fn ${name}_eight(row: u32, block: u32, part: u32) -> array<vec4<f32>, 2> {
  let col = block * 32u + part * 8u;
  return array<vec4<f32>, 2>(${name}_four(row, col), ${name}_four(row, col + 4u));
}`;
  }
}

/**
 * Functions for the matrix `name` that read eight numbers in two steps, so that reading can be far ahead of use:
 * `name_raw(row, block, part)`: what is stored of numbers 8 part to 8 part + 7 of a block;
 * `name_packed(raw)`: those numbers as f16, two a word. Needs `enable f16`, and `matrixReader`'s functions beside it.
 */
export function packedReader(name: string, { kind }: MatrixFormat): string {
  // Put into the mantissa of 1024 in f16, a code q is 1024 + q; less 1024 and the zero point that is exact.
  const pair = (low: string, high: string, zero: number): string =>
    `bitcast<u32>((bitcast<vec2<f16>>((${low}) | (${high}) | 0x64006400u) - ${1024 + zero}.0h) * scale)`;
  switch (kind) {
    case 'q4':
      return `
alias ${name}_Raw = vec2<u32>;
fn ${name}_raw(row: u32, block: u32, part: u32) -> ${name}_Raw {
  return vec2<u32>(${name}_codes[row * ${name}_BLOCKS + block][part], bitcast<u32>(${name}_scale(row, block)));
}
fn ${name}_packed(raw: ${name}_Raw) -> vec4<u32> {
  let scale = f16(bitcast<f32>(raw.y));
  let word = raw.x;
  return vec4<u32>(
    ${[0, 8, 16, 24].map((at) => pair(`(word >> ${at}u) & 0xfu`, `${at <= 12 ? `(word << ${12 - at}u)` : `(word >> ${at - 12}u)`} & 0xf0000u`, 8)).join(',\n    ')});
}`;
    case 'q8':
      return `
alias ${name}_Raw = vec3<u32>;
fn ${name}_raw(row: u32, block: u32, part: u32) -> ${name}_Raw {
  let words = ${name}_codes[(row * ${name}_BLOCKS + block) * 2u + part / 2u];
  let at = (part % 2u) * 2u;
  return vec3<u32>(words[at], words[at + 1u], bitcast<u32>(${name}_scale(row, block)));
}
fn ${name}_packed(raw: ${name}_Raw) -> vec4<u32> {
  let scale = f16(bitcast<f32>(raw.z));
  return vec4<u32>(
    ${['x', 'y'].flatMap((word) => [pair(`raw.${word} & 0xffu`, `(raw.${word} << 8u) & 0xff0000u`, 128), pair(`(raw.${word} >> 16u) & 0xffu`, `(raw.${word} >> 8u) & 0xff0000u`, 128)]).join(',\n    ')});
}`;
    case 'transposed':
    case 'table':
      return `
alias ${name}_Raw = array<vec4<f32>, 2>;
fn ${name}_raw(row: u32, block: u32, part: u32) -> ${name}_Raw { return ${name}_eight(row, block, part); }
fn ${name}_packed(raw: ${name}_Raw) -> vec4<u32> {
  return vec4<u32>(${[0, 1].flatMap((i) => [`pack2x16float(raw[${i}].xy)`, `pack2x16float(raw[${i}].zw)`]).join(', ')});
}`;
  }
}

function floatReader(name: string, buffer: string, type: 'f32' | 'f16'): string {
  const value = type === 'f32' ? `${buffer}[i]` : `unpack2x16float(${buffer}[i >> 1u])[i & 1u]`;
  return `fn ${name}_float(i: u32) -> f32 { return ${value}; }`;
}
