/**
 * GEMM with subgroup matrices (tensor cores): weights and X are rounded to f16 when copied into workgroup memory, products are
 * exact, sums are f32. Same bindings and result as `gemmKernel`.
 *
 * A workgroup computes a tile of outputs; each of its subgroups computes a rectangle of fragments. A step prefetches the next
 * step's operands from device memory into registers before it computes.
 * Source: Chromium's extension chromium_experimental_subgroup_matrix (google/dawn docs/dawn/features/subgroup_matrix.md).
 */
import { grid, kernel, type Kernel, repeat } from '../gpu/kernel.ts';
import { assertWhole, epilogueOf, gemmBindings, type GemmOperation } from './gemm.ts';
import { describeFormat, f16Packer, f16Reader, vec8Reader } from '../weights/weight-reader.ts';
import { blocksOf, paddedWidth } from '../rows/row-layout.ts';

/** Side of a fragment: f16 x f16 to f32, 16 x 16 x 16. */
export const FRAGMENT = 16;

/** The largest f16. Activations are clamped to it where the next GEMM would round them to infinity and turn the token into NaN. */
export const LARGEST_F16 = 65_504;

/** How a workgroup's tile is divided among its subgroups. */
export interface SubgroupMatrixTile {
  /** Outputs: tokens and rows of the matrix, multiples of FRAGMENT times the subgroups along them. */
  readonly tokens: number;
  readonly rows: number;
  /** Subgroups along both. */
  readonly alongTokens: number;
  readonly alongRows: number;
  /** Quantisation blocks of inputs per step; 1 for a matrix whose number of blocks it does not divide. */
  readonly depth: number;
}

/** Lanes of a subgroup: the kernel supports only this size. */
export const LANES = 32;

/** 8-element vectors from row to row of a tile: those of a step, plus one so that neighbouring rows lie in different banks. */
function strideOf(depth: number): number {
  return 4 * depth + 1;
}

/** Bytes of workgroup memory. */
export function subgroupMatrixTileBytes({ tokens, rows, alongTokens, alongRows, depth }: SubgroupMatrixTile): number {
  return (tokens + rows) * strideOf(depth) * 16 + alongTokens * alongRows * FRAGMENT * FRAGMENT * 4;
}

/** A GEMM on subgroup matrices, and how its work is divided. */
export interface SubgroupMatrixGemmSpec extends GemmOperation {
  readonly tile: SubgroupMatrixTile;
}

/** The kernel. Throws RangeError for a tile that cannot be divided among subgroups. */
export function subgroupMatrixGemmKernel(spec: SubgroupMatrixGemmSpec): Kernel {
  const { matrix, tile } = spec;
  const blocks = blocksOf(matrix.cols);
  const depth = blocks % tile.depth === 0 ? tile.depth : 1;
  const across = 4 * depth; // vec8s of a row in a step
  const stride = strideOf(depth);
  const subgroups = tile.alongTokens * tile.alongRows;
  const threads = subgroups * LANES;
  const m = tile.tokens / tile.alongTokens / FRAGMENT; // fragments of a subgroup along tokens
  const n = tile.rows / tile.alongRows / FRAGMENT;
  const xReads = (tile.tokens * across) / threads; // vec8s of x that a thread copies per step
  const wReads = (tile.rows * across) / threads; // vec8s of weights
  assertWhole(tile, m, n, xReads, wReads);
  const yStride = spec.logitsRowsOnly === true ? matrix.rows : paddedWidth(matrix.rows);
  const each = (line: (i: number, j: number) => string): string => repeat(m, (i) => repeat(n, (j) => line(i, j)));
  const rowOf = (i: number): string => `${(i * threads) / across}u + lid / ${across}u`;
  const read = (step: string): string => `
${repeat(xReads, (i) => `    xa${i} = x[x_at${i} + ${step} * ${across * 2}u];\n    xb${i} = x[x_at${i} + ${step} * ${across * 2}u + 1u];`)}
${repeat(wReads, (i) => `    w${i} = w_vec8(w_row${i}, ${step} * ${depth}u + w_block, lid % 4u);`)}`;
  const load = (side: 'left' | 'right', tileName: string, first: string, majorness: string): string =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${FRAGMENT}, ${FRAGMENT}>, ${majorness}>(&${tileName}, (${first}) * ${stride}u + k * 2u, ${stride}u)`;
  const epilogue = epilogueOf(spec, LARGEST_F16);
  // A lane handles one row of a fragment and every second token. It reads the old y for all of them before it writes any.
  const perLane = (FRAGMENT * FRAGMENT) / LANES;
  const stepTokens = LANES / FRAGMENT;
  const storeFragment = (i: number, j: number): string => {
    const at = (k: number): string => `y[at + ${k * stepTokens * yStride}u]`;
    return `
  {
    subgroupMatrixStore(&scratch, subgroup * ${FRAGMENT * FRAGMENT}u, c${i}_${j}, false, ${FRAGMENT}u);
    let token = first_token + token0 + ${i * FRAGMENT}u + lane / ${FRAGMENT}u;
    let row = first_row + row0 + ${j * FRAGMENT}u + lane % ${FRAGMENT}u;
    let at = token * ${yStride}u + row;
    let tokens_left = select(0u, count - min(token, count), row < ${matrix.rows}u);
${epilogue.readsBefore ? repeat(perLane, (k) => `    var before${k} = 0.0;\n    if (tokens_left > ${k * stepTokens}u) { before${k} = ${at(k)}; }`) : ''}
    workgroupBarrier();
${repeat(
  perLane,
  (k) => `    if (tokens_left > ${k * stepTokens}u) {
      let value = scratch[subgroup * ${FRAGMENT * FRAGMENT}u + ${k * LANES}u + lane];
      ${epilogue.write({ at: at(k), sum: 'value', row: 'row', before: `before${k}` })}
    }`,
)}
    workgroupBarrier();
  }`;
  };
  const body = `
${vec8Reader('w', matrix)}
${f16Reader('w', matrix)}
${epilogue.functions}
var<workgroup> tile_x: array<vec4<u32>, ${tile.tokens * stride}>; // f16, two a word
var<workgroup> tile_w: array<vec4<u32>, ${tile.rows * stride}>;
var<workgroup> scratch: array<f32, ${subgroups * FRAGMENT * FRAGMENT}>;
${f16Packer('pack_f16x8', matrix)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let subgroup = lid / ${LANES}u;
  let lane = lid % ${LANES}u;
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = (wg.y + wg.z * ${grid(Math.ceil(matrix.rows / tile.rows))[0]}u) * ${tile.rows}u;
  let token0 = (subgroup / ${tile.alongRows}u) * ${m * FRAGMENT}u;
  let row0 = (subgroup % ${tile.alongRows}u) * ${n * FRAGMENT}u;
  let count = ${spec.logitsRowsOnly === true ? 'params.logits_rows' : 'params.tokens'};
${repeat(xReads, (i) => {
  const token = `min(first_token + ${rowOf(i)}, count - 1u)`;
  return `  let x_at${i} = (${spec.logitsRowsOnly === true ? 'params.first_logits_row + ' : ''}${token}) * ${blocks * 8}u + (lid % ${across}u) * 2u;
  var xa${i}: vec4<f32>;
  var xb${i}: vec4<f32>;`;
})}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + ${rowOf(i)}, ${matrix.rows - 1}u);\n  var w${i}: w_Vec8;`)}
${each((i, j) => `  var c${i}_${j}: subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>;`)}
  let w_block = (lid % ${across}u) / 4u;
${read('0u')}
  for (var step = 0u; step < ${blocks / depth}u; step++) {
${repeat(xReads, (i) => `    tile_x[(${rowOf(i)}) * ${stride}u + lid % ${across}u] = pack_f16x8(xa${i}, xb${i});`)}
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
  return kernel({
    label: spec.label,
    bindings: gemmBindings(spec),
    body,
    enable: ENABLE_SUBGROUP_MATRICES,
    choice: { algorithm: 'GEMM, subgroup matrices', format: describeFormat(matrix), tile: { ...tile, depth } },
  });
}

/** Extensions of kernels with subgroup matrices. The diagnostic is off because the compiler cannot prove that their control flow is uniform. */
export const ENABLE_SUBGROUP_MATRICES = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);`;
