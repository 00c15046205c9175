/**
 * Y = X Wᵀ for many tokens on the GPU's matrix units (subgroup matrices): weights and X are rounded to f16 on their way into
 * workgroup memory, products are exact, sums are f32. Same bindings and meaning as `matmulKernel`.
 *
 * A workgroup makes a tile of outputs; its subgroups share it out in rectangles of fragments. What the next step needs of
 * device memory is read into registers before this step computes.
 * Source: Chromium's extension chromium_experimental_subgroup_matrix (google/dawn docs/dawn/features/subgroup_matrix.md).
 */
import { grid, kernel, type Kernel, repeat, roundUp } from '../gpu/kernel.ts';
import { epilogueOf, matmulBindings, type MatmulSpec, mustBeWhole } from './gemm.ts';
import { eightReader, halvesPacker, halvesReader } from '../weights/weight-reader.ts';

/** Side of a fragment: f16 x f16 to f32, 16 x 16 x 16. */
export const FRAGMENT = 16;

/** The largest f16: what the next product would round to infinity, and the whole token to NaN, is kept at this. */
export const LARGEST_F16 = 65_504;

/** How a workgroup's tile is shared out. */
export interface TensorTile {
  /** Outputs: tokens and rows of the matrix, multiples of FRAGMENT times the subgroups along them. */
  readonly tokens: number;
  readonly rows: number;
  /** Subgroups along both. */
  readonly alongTokens: number;
  readonly alongRows: number;
  /** Blocks of 32 inputs a step takes: 1 or 2. One where a matrix has an odd number. */
  readonly depth: number;
}

/** Lanes of a subgroup: the kernel is made for this size alone. */
export const LANES = 32;

/** Eights of f16 between rows of a tile: those of a step, and one more so that neighbouring rows lie in other banks. */
function strideOf(depth: number): number {
  return 4 * depth + 1;
}

/** Bytes of workgroup memory. */
export function tensorTileBytes({ tokens, rows, alongTokens, alongRows, depth }: TensorTile): number {
  return (tokens + rows) * strideOf(depth) * 16 + alongTokens * alongRows * FRAGMENT * FRAGMENT * 4;
}

/** The kernel's source. Throws RangeError for a tile that cannot be shared out. */
export function tensorMatmulKernel(spec: MatmulSpec, tile: TensorTile): Kernel {
  const { matrix } = spec;
  const blocks = Math.ceil(matrix.cols / 32);
  const depth = blocks % tile.depth === 0 ? tile.depth : 1;
  const across = 4 * depth; // eights of a row in a step
  const stride = strideOf(depth);
  const subgroups = tile.alongTokens * tile.alongRows;
  const threads = subgroups * LANES;
  const m = tile.tokens / tile.alongTokens / FRAGMENT; // fragments of a subgroup along tokens
  const n = tile.rows / tile.alongRows / FRAGMENT;
  const xReads = (tile.tokens * across) / threads; // eights of x a thread copies for a step
  const wReads = (tile.rows * across) / threads; // eights of weights
  mustBeWhole(tile, m, n, xReads, wReads);
  const yStride = spec.wantedOnly === true ? matrix.rows : roundUp(matrix.rows, 32);
  const each = (line: (i: number, j: number) => string): string => repeat(m, (i) => repeat(n, (j) => line(i, j)));
  const rowOf = (i: number): string => `${(i * threads) / across}u + lid / ${across}u`;
  const read = (step: string): string => `
${repeat(xReads, (i) => `    xa${i} = x[x_at${i} + ${step} * ${across * 2}u];\n    xb${i} = x[x_at${i} + ${step} * ${across * 2}u + 1u];`)}
${repeat(wReads, (i) => `    w${i} = w_eight(w_row${i}, ${step} * ${depth}u + w_block, lid % 4u);`)}`;
  const load = (side: 'left' | 'right', tileName: string, first: string, majorness: string): string =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${FRAGMENT}, ${FRAGMENT}>, ${majorness}>(&${tileName}, (${first}) * ${stride}u + k * 2u, ${stride}u)`;
  const epilogue = epilogueOf(spec, LARGEST_F16);
  // A runner has one row of a fragment, and every so-many-th token. What y held is read for all of them before any is written.
  const perLane = (FRAGMENT * FRAGMENT) / LANES;
  const stepTokens = LANES / FRAGMENT;
  const storeFragment = (i: number, j: number): string => {
    const at = (k: number): string => `y[at + ${k * stepTokens * yStride}u]`;
    return `
  {
    subgroupMatrixStore(&scratch, subgroup * ${FRAGMENT * FRAGMENT}u, c${i}_${j}, false, ${FRAGMENT}u);
    let token = first_token + token0 + ${i * FRAGMENT}u + runner / ${FRAGMENT}u;
    let row = first_row + row0 + ${j * FRAGMENT}u + runner % ${FRAGMENT}u;
    let at = token * ${yStride}u + row;
    let tokens_left = select(0u, count - min(token, count), row < ${matrix.rows}u);
${epilogue.readsBefore ? repeat(perLane, (k) => `    var before${k} = 0.0;\n    if (tokens_left > ${k * stepTokens}u) { before${k} = ${at(k)}; }`) : ''}
    workgroupBarrier();
${repeat(
  perLane,
  (k) => `    if (tokens_left > ${k * stepTokens}u) {
      let value = scratch[subgroup * ${FRAGMENT * FRAGMENT}u + ${k * LANES}u + runner];
      ${epilogue.write(at(k), 'value', 'row', `before${k}`)}
    }`,
)}
    workgroupBarrier();
  }`;
  };
  const body = `
${eightReader('w', matrix)}
${halvesReader('w', matrix)}
${epilogue.functions}
var<workgroup> tile_x: array<vec4<u32>, ${tile.tokens * stride}>; // f16, two a word
var<workgroup> tile_w: array<vec4<u32>, ${tile.rows * stride}>;
var<workgroup> scratch: array<f32, ${subgroups * FRAGMENT * FRAGMENT}>;
${halvesPacker('halves', matrix)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let subgroup = lid / ${LANES}u;
  let runner = lid % ${LANES}u;
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = (wg.y + wg.z * ${grid(Math.ceil(matrix.rows / tile.rows))[0]}u) * ${tile.rows}u;
  let token0 = (subgroup / ${tile.alongRows}u) * ${m * FRAGMENT}u;
  let row0 = (subgroup % ${tile.alongRows}u) * ${n * FRAGMENT}u;
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
${repeat(xReads, (i) => {
  const token = `min(first_token + ${rowOf(i)}, count - 1u)`;
  return `  let x_at${i} = (${spec.wantedOnly === true ? 'params.first + ' : ''}${token}) * ${blocks * 8}u + (lid % ${across}u) * 2u;
  var xa${i}: vec4<f32>;
  var xb${i}: vec4<f32>;`;
})}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + ${rowOf(i)}, ${matrix.rows - 1}u);\n  var w${i}: w_Eight;`)}
${each((i, j) => `  var c${i}_${j}: subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>;`)}
  let w_block = (lid % ${across}u) / 4u;
${read('0u')}
  for (var step = 0u; step < ${blocks / depth}u; step++) {
${repeat(xReads, (i) => `    tile_x[(${rowOf(i)}) * ${stride}u + lid % ${across}u] = halves(xa${i}, xb${i});`)}
${repeat(wReads, (i) => `    tile_w[(${rowOf(i)}) * ${stride}u + lid % ${across}u] = w_f16(w${i});`)}
    workgroupBarrier();
    if (step + 1u < ${blocks / depth}u) {
${read('(step + 1u)')}
    }
    for (var k = 0u; k < ${depth * 2}u; k++) {
${repeat(m, (i) => `      let a${i} = ${load('left', 'tile_x', `token0 + ${i * FRAGMENT}u`, 'row_major')};`)}
${repeat(n, (j) => `      let b${j} = ${load('right', 'tile_w', `row0 + ${j * FRAGMENT}u`, 'col_major')};`)}
${each((i, j) => `      c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
    }
    workgroupBarrier();
  }
${each(storeFragment)}
}`;
  return kernel(spec.label, matmulBindings(spec), body, ENABLE_MATRICES);
}

/** What kernels on matrix units ask the compiler for: extensions, and no complaint where the compiler cannot prove that a whole subgroup takes the same way. */
export const ENABLE_MATRICES = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);`;
