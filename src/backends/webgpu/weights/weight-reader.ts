/**
 * WGSL that reads a stored matrix in two steps, load and unpack, so that a kernel can prefetch: whole quantisation blocks of a row
 * (`blockReader`), or 8-element vectors (`vec8Reader`). Quantized values are bound as words of that size, which the device loads
 * in one access.
 *
 * Quantized values become floats without a conversion, and mostly without a shift: a value q in the mantissa of 2^23 is the float
 * 2^23 + q, and a value n bits higher is 2^23 + q 2^n. Subtracting 2^23 and the zero point is exact. The remaining factor 2^n is
 * compensated in the other factor of the product, again exactly (`PLACES`). f16 scales are unpacked, so no kernel needs shader-f16.
 */
import type { Binding } from '../gpu/kernel.ts';
import { blocksOf } from '../rows/row-layout.ts';

/** The layout of a matrix in its buffers. */
export interface MatrixFormat {
  /**
   * `q4`, `q8`: quantized values and scales as StoredMatrix has them. `floats`: `[rows, cols]`, rows padded with zeros to whole blocks.
   * `table`: the same without padding; rows are looked up, not multiplied, and are multiples of eight.
   */
  readonly kind: 'q4' | 'q8' | 'floats' | 'table';
  /** Type of the scales, or of the floats themselves. */
  readonly floats: 'f32' | 'f16';
  readonly rows: number;
  /** Inputs; of floats any number. */
  readonly cols: number;
}

/** The unit of a kernel's loads: a whole quantisation block, or an 8-element vector. */
export type ReadBy = 'block' | 'vec8';

/** A format in words, for reports: `q4 f16 3584 x 18944`. */
export function describeFormat({ kind, floats, rows, cols }: MatrixFormat): string {
  return `${kind} ${floats} ${rows} x ${cols}`;
}

/** Whether it has quantized values and scales, two buffers instead of one. */
export function isQuantized({ kind }: Pick<MatrixFormat, 'kind'>): boolean {
  return kind === 'q4' || kind === 'q8';
}

/** Bindings of a matrix called `name`: quantized values and scales, or floats. */
export function matrixBindings(name: string, format: MatrixFormat, by: ReadBy): Binding[] {
  if (!isQuantized(format)) {
    const type = format.floats === 'f16' ? 'array<vec4<u32>>' : 'array<vec4<f32>>';
    return [{ name: `${name}_floats`, type, access: 'read' }];
  }
  const floats = format.floats === 'f16' ? 'array<u32>' : 'array<f32>';
  const vec8 = format.kind === 'q4' ? 'array<u32>' : 'array<vec2<u32>>';
  return [
    { name: `${name}_quants`, type: by === 'vec8' ? vec8 : 'array<vec4<u32>>', access: 'read' },
    { name: `${name}_scales`, type: floats, access: 'read' },
  ];
}

const MAGIC = 2 ** 23;

/**
 * Functions for the matrix `name`: `name_block(row, block)`: loads a block, of type `name_Block`; {@link quad} of
 * that gives four of its numbers, each to be multiplied by `name_scale(row, block)` and, by component, by `name_PLACES`.
 */
export function blockReader(name: string, format: MatrixFormat): string {
  const blocks = blocksOf(format.cols);
  switch (format.kind) {
    case 'q4':
      return `${unpacking(name, format)}
alias ${name}_Block = vec4<u32>;
fn ${name}_block(row: u32, block: u32) -> ${name}_Block { return ${name}_quants[row * ${blocks}u + block]; }`;
    case 'q8':
      return `${unpacking(name, format)}
alias ${name}_Block = array<vec4<u32>, 2>;
fn ${name}_block(row: u32, block: u32) -> ${name}_Block {
  let at = (row * ${blocks}u + block) * 2u;
  return ${name}_Block(${name}_quants[at], ${name}_quants[at + 1u]);
}`;
    case 'floats':
    case 'table': {
      const isF16 = format.floats === 'f16';
      const parts = isF16 ? 4 : 8;
      return `${unpacking(name, format)}
alias ${name}_Block = array<vec4<${isF16 ? 'u32' : 'f32'}>, ${parts}>;
fn ${name}_block(row: u32, block: u32) -> ${name}_Block {
  let at = row * ${(vec8sPerRow(format) * parts) / 4}u + block * ${parts}u;
  return ${name}_Block(${Array.from({ length: parts }, (_, i) => `${name}_floats[at + ${i}u]`).join(', ')});
}`;
    }
  }
}

/** WGSL for numbers 4 i to 4 i + 3 of what `name_block` has read into the variable `stored`. */
export function quad(name: string, { kind, floats }: MatrixFormat, stored: string, i: number): string {
  switch (kind) {
    case 'q4':
      return `${name}_unpack(${stored}[${i >> 1}]${i % 2 === 1 ? ' >> 16u' : ''})`;
    case 'q8':
      return `${name}_unpack(${stored}[${i >> 2}][${i % 4}])`;
    case 'floats':
    case 'table':
      return floats === 'f16' ? `${name}_unpack(${stored}[${i >> 1}].${i % 2 === 1 ? 'zw' : 'xy'})` : `${stored}[${i}]`;
  }
}

/**
 * Functions for the matrix `name`: `name_vec8(row, block, part)`: loads numbers 8 part to 8 part + 7 of a block,
 * scale included, of type `name_Vec8`; `name_f32(that)`: the numbers.
 */
export function vec8Reader(name: string, format: MatrixFormat): string {
  const head = `${unpacking(name, format)}\n${vec8Type(name, format)}`;
  const at = `(row * ${blocksOf(format.cols)}u + block) * 4u + part`;
  const floatsAt = `row * ${vec8sPerRow(format)}u + block * 4u + part`;
  const scale = `bitcast<u32>(${name}_scale(row, block))`;
  switch (format.kind) {
    case 'q4':
      return `${head}
fn ${name}_vec8(row: u32, block: u32, part: u32) -> ${name}_Vec8 { return vec2<u32>(${name}_quants[${at}], ${scale}); }
fn ${name}_f32(stored: ${name}_Vec8) -> array<vec4<f32>, 2> {
  let places = ${name}_PLACES * bitcast<f32>(stored.y);
  return array<vec4<f32>, 2>(${name}_unpack(stored.x) * places, ${name}_unpack(stored.x >> 16u) * places);
}`;
    case 'q8':
      return `${head}
fn ${name}_vec8(row: u32, block: u32, part: u32) -> ${name}_Vec8 { return vec3<u32>(${name}_quants[${at}], ${scale}); }
fn ${name}_f32(stored: ${name}_Vec8) -> array<vec4<f32>, 2> {
  let places = ${name}_PLACES * bitcast<f32>(stored.z);
  return array<vec4<f32>, 2>(${name}_unpack(stored.x) * places, ${name}_unpack(stored.y) * places);
}`;
    case 'floats':
    case 'table':
      return format.floats === 'f16'
        ? `${head}
fn ${name}_vec8(row: u32, block: u32, part: u32) -> ${name}_Vec8 { return ${name}_floats[${floatsAt}]; }
fn ${name}_f32(stored: ${name}_Vec8) -> array<vec4<f32>, 2> {
  return array<vec4<f32>, 2>(${name}_unpack(stored.xy), ${name}_unpack(stored.zw));
}`
        : `${head}
fn ${name}_vec8(row: u32, block: u32, part: u32) -> ${name}_Vec8 {
  let at = (${floatsAt}) * 2u;
  return ${name}_Vec8(${name}_floats[at], ${name}_floats[at + 1u]);
}
fn ${name}_f32(stored: ${name}_Vec8) -> array<vec4<f32>, 2> { return stored; }`;
  }
}

/** WGSL of the type of an 8-element vector as stored, scale included. */
function vec8Type(name: string, { kind, floats }: MatrixFormat): string {
  const stored = floats === 'f16' ? 'vec4<u32>' : 'array<vec4<f32>, 2>';
  const type = { q4: 'vec2<u32>', q8: 'vec3<u32>', floats: stored, table: stored }[kind];
  return `alias ${name}_Vec8 = ${type};`;
}

/**
 * Functions for the matrix `name`: `name_block` as {@link blockReader} has it, and `name_f16` as {@link f16Reader}, for the 8-element vectors
 * of a block: {@link vec8OfBlock}. Needs `enable f16`.
 */
export function f16BlockReader(name: string, format: MatrixFormat): string {
  return `${blockReader(name, format)}\n${vec8Type(name, format)}${f16Reader(name, format)}`;
}

/** WGSL of 8-element vector `i` of what `name_block` has read into `block`; `scale`: the bits of its scale as f32. */
export function vec8OfBlock(
  name: string,
  { kind, floats }: MatrixFormat,
  { block, scale }: { readonly block: string; readonly scale: string },
  i: number,
): string {
  switch (kind) {
    case 'q4':
      return `${name}_Vec8(${block}[${i}], ${scale})`;
    case 'q8':
      return `${name}_Vec8(${block}[${i >> 1}].${i % 2 === 0 ? 'xy' : 'zw'}, ${scale})`;
    case 'floats':
    case 'table':
      return floats === 'f16' ? `${block}[${i}]` : `${name}_Vec8(${block}[${2 * i}], ${block}[${2 * i + 1}])`;
  }
}

/**
 * The order of an 8-element vector's numbers as f16, two a word: the one in which quantized values are unpacked with the fewest
 * instructions. A dot product may be summed in any order as long as both operands use the same order.
 */
const F16_ORDER: Readonly<Record<MatrixFormat['kind'], readonly (readonly [low: number, high: number])[]>> = {
  q4: [0, 1, 2, 3].map((i) => [i, i + 4] as const),
  q8: [0, 1, 4, 5].map((i) => [i, i + 2] as const),
  floats: [0, 2, 4, 6].map((i) => [i, i + 1] as const),
  table: [0, 2, 4, 6].map((i) => [i, i + 1] as const),
};

/** WGSL of a function `called` that packs eight numbers as {@link f16Reader} does those of a matrix they are to be multiplied with. */
export function f16Packer(called: string, { kind }: Pick<MatrixFormat, 'kind'>): string {
  const number = (i: number): string => `${i < 4 ? 'a' : 'b'}[${i % 4}]`;
  const words = F16_ORDER[kind].map(([low, high]) => `pack2x16float(vec2<f32>(${number(low)}, ${number(high)}))`);
  return `fn ${called}(a: vec4<f32>, b: vec4<f32>) -> vec4<u32> { return vec4<u32>(${words.join(', ')}); }`;
}

/** `name_f16(stored)`: the numbers `name_vec8` has read, as {@link f16Packer} packs them. Needs `enable f16`, and `vec8Reader`'s functions. */
export function f16Reader(name: string, { kind, floats }: MatrixFormat): string {
  switch (kind) {
    case 'q4':
    case 'q8':
      return `
fn ${name}_f16(stored: ${name}_Vec8) -> vec4<u32> {
  let scale = f16(bitcast<f32>(stored.${SCALE_OF[kind]}));
  return ${quantPairs(kind, '* scale')};
}`;
    case 'floats':
    case 'table':
      return floats === 'f16'
        ? `
fn ${name}_f16(stored: ${name}_Vec8) -> vec4<u32> { return stored; }`
        : `
fn ${name}_f16(stored: ${name}_Vec8) -> vec4<u32> {
  return vec4<u32>(${[0, 1].flatMap((i) => [`pack2x16float(stored[${i}].xy)`, `pack2x16float(stored[${i}].zw)`]).join(', ')});
}`;
  }
}

/**
 * The same for quantized values without their scale. WGSL: `name_shrunk(stored)` divides them by `shrink`, so that they are at most 8,
 * which is exact; `name_vec8_scale(stored)` gives their scale as f32. Throws TypeError for a matrix that is not quantized.
 */
export function quantReader(
  name: string,
  { kind }: MatrixFormat,
): { readonly functions: string; readonly shrink: number } {
  if (kind !== 'q4' && kind !== 'q8') throw new TypeError(`a matrix of ${kind} is not quantized`);
  const shrink = { q4: 1, q8: 16 }[kind];
  return {
    shrink,
    functions: `
fn ${name}_shrunk(stored: ${name}_Vec8) -> vec4<u32> { return ${quantPairs(kind, shrink === 1 ? '' : `* ${1 / shrink}h`)}; }
fn ${name}_vec8_scale(stored: ${name}_Vec8) -> f32 { return bitcast<f32>(stored.${SCALE_OF[kind]}); }`,
  };
}

/** Where an 8-element vector of quantized values has its scale. */
const SCALE_OF = { q4: 'y', q8: 'z' } as const;

/**
 * WGSL of an 8-element vector's quantized values as f16 in {@link F16_ORDER}, each pair changed as `then` says. A value q put into the
 * mantissa of 1024 as f16 is 1024 + q; subtracting 1024 and the zero point is exact.
 */
function quantPairs(kind: 'q4' | 'q8', then: string): string {
  const pair = (quants: string, zero: number): string =>
    `bitcast<u32>((bitcast<vec2<f16>>(${quants} | 0x64006400u) - ${1024 + zero}.0h) ${then})`;
  const pairs =
    kind === 'q4'
      ? [0, 4, 8, 12].map((at) => pair(`((stored.x >> ${at}u) & 0xf000fu)`, 8))
      : ['x', 'y'].flatMap((word) => [0, 8].map((at) => pair(`((stored.${word} >> ${at}u) & 0xff00ffu)`, 128)));
  return `vec4<u32>(${pairs.join(', ')})`;
}

/** 8-element vectors of a row of floats. */
function vec8sPerRow(format: MatrixFormat): number {
  return format.kind === 'table' ? format.cols / 8 : blocksOf(format.cols) * 4;
}

/** What both readers share: scales, places, and unpacking of four numbers. */
function unpacking(name: string, format: MatrixFormat): string {
  const blocks = blocksOf(format.cols);
  const scales = `${floatReader(name, `${name}_scales`, format.floats)}
fn ${name}_scale(row: u32, block: u32) -> f32 { return ${name}_float(row * ${blocks}u + block); }`;
  switch (format.kind) {
    case 'q4':
      return `
const ${name}_PLACES = vec4<f32>(1.0, 0.0625, 0.00390625, 0.000244140625);
${scales}
fn ${name}_unpack(word: u32) -> vec4<f32> {
  const MASK = vec4<u32>(0xfu, 0xf0u, 0xf00u, 0xf000u);
  const ZERO = vec4<f32>(${[8, 128, 2048, 32_768].map((zero) => `${MAGIC + zero}.0`).join(', ')});
  return bitcast<vec4<f32>>((vec4<u32>(word) & MASK) | vec4<u32>(0x4b000000u)) - ZERO;
}`;
    case 'q8':
      return `
const ${name}_PLACES = vec4<f32>(1.0, 0.00390625, 1.0, 0.00390625);
${scales}
fn ${name}_unpack(word: u32) -> vec4<f32> {
  const MASK = vec4<u32>(0xffu, 0xff00u, 0xffu, 0xff00u);
  const ZERO = vec4<f32>(${[128, 32_768, 128, 32_768].map((zero) => `${MAGIC + zero}.0`).join(', ')});
  let high = word >> 16u;
  return bitcast<vec4<f32>>((vec4<u32>(word, word, high, high) & MASK) | vec4<u32>(0x4b000000u)) - ZERO;
}`;
    case 'floats':
    case 'table':
      return `
const ${name}_PLACES = vec4<f32>(1.0);
fn ${name}_scale(row: u32, block: u32) -> f32 { return 1.0; }
fn ${name}_unpack(words: vec2<u32>) -> vec4<f32> { return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)); }`;
  }
}

function floatReader(name: string, buffer: string, type: 'f32' | 'f16'): string {
  const value = type === 'f32' ? `${buffer}[i]` : `unpack2x16float(${buffer}[i >> 1u])[i & 1u]`;
  return `fn ${name}_float(i: u32) -> f32 { return ${value}; }`;
}
