/**
 * Y = X Wᵀ for many tokens on the GPU's matrix units (subgroup matrices): weights and X are rounded to f16 on their way into
 * workgroup memory, products are exact, sums are f32. Same bindings and meaning as `matmulKernel`.
 *
 * A workgroup makes a tile of outputs; its subgroups share it out in rectangles of fragments. What the next step needs of
 * device memory is read into registers before this step computes.
 * Source: Chromium's extension chromium_experimental_subgroup_matrix (google/dawn docs/dawn/features/subgroup_matrix.md).
 */
import { grid, kernel, type Kernel, repeat, roundUp } from './kernel.ts';
import { epilogueOf, matmulBindings, type MatmulSpec } from './matmul.ts';
import { matrixReader } from './weight-reader.ts';

/** Side of a fragment: f16 x f16 to f32, 16 x 16 x 16. */
export const FRAGMENT = 16;

/** How a workgroup's tile is shared out. */
export interface TensorTile {
  /** Outputs: tokens and rows of the matrix, multiples of FRAGMENT times the subgroups along them. */
  readonly tokens: number;
  readonly rows: number;
  /** Subgroups along both. */
  readonly alongTokens: number;
  readonly alongRows: number;
}

/** Lanes of a subgroup: the kernel is made for this size alone. */
export const LANES = 32;

/** Numbers between rows of a tile: 32, and 8 so that neighbouring rows lie in other banks. */
const STRIDE = 40;

/** Bytes of workgroup memory. */
export function tensorTileBytes({ tokens, rows, alongTokens, alongRows }: TensorTile): number {
  return (tokens + rows) * STRIDE * 2 + alongTokens * alongRows * FRAGMENT * FRAGMENT * 4;
}

/** Workgroups for so many tokens: tokens along x, so that those which read the same weights run together; outputs along y and z. */
export function tensorMatmulGrid(
  { matrix }: MatmulSpec,
  tile: TensorTile,
  tokens: number,
): readonly [number, number, number] {
  const [y, z] = grid(Math.ceil(matrix.rows / tile.rows));
  return [Math.ceil(tokens / tile.tokens), y, z];
}

/** The kernel's source. Bindings as `matmulKernel`'s. Throws RangeError for a tile that cannot be shared out. */
export function tensorMatmulKernel(spec: MatmulSpec, tile: TensorTile): Kernel {
  const { matrix } = spec;
  const blocks = Math.ceil(matrix.cols / 32);
  const subgroups = tile.alongTokens * tile.alongRows;
  const threads = subgroups * LANES;
  const m = tile.tokens / tile.alongTokens / FRAGMENT; // fragments of a subgroup along tokens
  const n = tile.rows / tile.alongRows / FRAGMENT;
  const xReads = (tile.tokens * 8) / threads; // vec4s of x a thread copies for a step
  const wReads = (tile.rows * 4) / threads; // eights of weights
  for (const whole of [m, n, xReads, wReads]) {
    if (!Number.isInteger(whole)) throw new RangeError(`a tile of ${tile.tokens} x ${tile.rows} cannot be shared out`);
  }
  const yStride = spec.wantedOnly === true ? matrix.rows : roundUp(matrix.rows, 32);
  const each = (line: (i: number, j: number) => string): string => repeat(m, (i) => repeat(n, (j) => line(i, j)));
  const four = (from: string, vector: string): string =>
    repeat(4, (i) => `      tile_${from}[at${i === 0 ? '' : ` + ${i}u`}] = f16(${vector}[${i}]);`);
  const read = (block: string): string => `
${repeat(xReads, (i) => `    x${i} = x[x_at${i} + ${block} * 8u];`)}
${repeat(wReads, (i) => `    w${i} = w_eight(w_row${i}, ${block}, lid % 4u);`)}`;
  const epilogue = epilogueOf(spec);
  const storeFragment = (i: number, j: number): string => `
  subgroupMatrixStore(&scratch, subgroup * ${FRAGMENT * FRAGMENT}u, c${i}_${j}, false, ${FRAGMENT}u);
  workgroupBarrier();
  for (var i = 0u; i < ${(FRAGMENT * FRAGMENT) / LANES}u; i++) {
    let e = i * ${LANES}u + lane;
    let token = first_token + token0 + ${i * FRAGMENT}u + e / ${FRAGMENT}u;
    let row = first_row + row0 + ${j * FRAGMENT}u + e % ${FRAGMENT}u;
    let value = scratch[subgroup * ${FRAGMENT * FRAGMENT}u + e];
    if (token < count && row < ${matrix.rows}u) { ${epilogue.write(`y[token * ${yStride}u + row]`, 'value', 'row')} }
  }
  workgroupBarrier();`;
  const body = `
${matrixReader('w', matrix)}
${epilogue.functions}
var<workgroup> tile_x: array<f16, ${tile.tokens * STRIDE}>;
var<workgroup> tile_w: array<f16, ${tile.rows * STRIDE}>;
var<workgroup> scratch: array<f32, ${subgroups * FRAGMENT * FRAGMENT}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let subgroup = lid / ${LANES}u;
  let lane = lid % ${LANES}u;
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = (wg.y + wg.z * ${grid(Math.ceil(matrix.rows / tile.rows))[0]}u) * ${tile.rows}u;
  let token0 = (subgroup / ${tile.alongRows}u) * ${m * FRAGMENT}u;
  let row0 = (subgroup % ${tile.alongRows}u) * ${n * FRAGMENT}u;
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
${repeat(xReads, (i) => {
  const token = `min(first_token + ${(i * threads) / 8}u + lid / 8u, count - 1u)`;
  return `  let x_at${i} = (${spec.wantedOnly === true ? 'params.first + ' : ''}${token}) * ${blocks * 8}u + lid % 8u;
  var x${i}: vec4<f32>;`;
})}
${repeat(
  wReads,
  (i) => `  let w_row${i} = min(first_row + ${(i * threads) / 4}u + lid / 4u, ${matrix.rows - 1}u);
  var w${i}: array<vec4<f32>, 2>;`,
)}
${each((i, j) => `  var c${i}_${j}: subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>;`)}
${read('0u')}
  for (var block = 0u; block < ${blocks}u; block++) {
${repeat(
  xReads,
  (i) => `    { let at = (${(i * threads) / 8}u + lid / 8u) * ${STRIDE}u + (lid % 8u) * 4u;
${four('x', `x${i}`)} }`,
)}
${repeat(
  wReads,
  (i) => `    { var at = (${(i * threads) / 4}u + lid / 4u) * ${STRIDE}u + (lid % 4u) * 8u;
${four('w', `w${i}[0]`)}
      at += 4u;
${four('w', `w${i}[1]`)} }`,
)}
    workgroupBarrier();
    if (block + 1u < ${blocks}u) {
${read('(block + 1u)')}
    }
    for (var k = 0u; k < 32u; k += ${FRAGMENT}u) {
${repeat(m, (i) => `      let a${i} = subgroupMatrixLoad<subgroup_matrix_left<f16, ${FRAGMENT}, ${FRAGMENT}>>(&tile_x, (token0 + ${i * FRAGMENT}u) * ${STRIDE}u + k, false, ${STRIDE}u);`)}
${repeat(n, (j) => `      let b${j} = subgroupMatrixLoad<subgroup_matrix_right<f16, ${FRAGMENT}, ${FRAGMENT}>>(&tile_w, (row0 + ${j * FRAGMENT}u) * ${STRIDE}u + k, true, ${STRIDE}u);`)}
${each((i, j) => `      c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
    }
    workgroupBarrier();
  }
${each(storeFragment)}
}`;
  return kernel(spec.label, matmulBindings(spec), body, ENABLE);
}

/** Extensions, and no complaint where the compiler cannot prove that a whole subgroup takes the same way. */
const ENABLE = `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);`;
