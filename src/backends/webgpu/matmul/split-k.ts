/**
 * Split-K GEMM with subgroup matrices, for too many tokens to reread the weights for each and too few to keep a device busy with
 * tiles of outputs alone: each workgroup sums over a range of the inputs, and a reduction adds the partial sums
 * (split-k-reduce.ts). Without subgroup matrices, `gemmKernel` and `gemmF16Kernel` do the same when given `splits`.
 *
 * Weights and X are f16 and sums f32, as in gemm-subgroup-matrix.ts. A thread reads whole blocks of weights, and prefetches those of
 * the next step while it computes this one.
 * Source: NVIDIA, CUTLASS, Efficient GEMM in CUDA, "Parallelized Reductions"; Chromium's extension as in gemm-subgroup-matrix.ts.
 */
import { type Binding, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';
import { assertWhole } from './gemm.ts';
import { paddedTokens, splitRange, partialSumStride } from './partial-sums.ts';
import { ENABLE_SUBGROUP_MATRICES, FRAGMENT, LANES } from './gemm-subgroup-matrix.ts';
import {
  describeFormat,
  f16BlockReader,
  f16Packer,
  matrixBindings,
  type MatrixFormat,
  vec8OfBlock,
} from '../weights/weight-reader.ts';
import { blocksOf } from '../rows/row-layout.ts';

/** A split-K GEMM on subgroup matrices. */
export interface SplitKSpec {
  readonly label: string;
  readonly matrix: MatrixFormat;
  /** How X is stored: f32, or f16 as the matrix's {@link f16Packer} packs it; rows without padding. */
  readonly x: 'f32' | 'f16';
  readonly tile: SplitKTile;
  /** Splits of the inputs. */
  readonly splits: number;
}

/** How the work is divided. */
export interface SplitKTile {
  /** Outputs per workgroup: tokens, a multiple of FRAGMENT, and rows of the matrix, a multiple of FRAGMENT times the subgroups. */
  readonly tokens: number;
  readonly rows: number;
  readonly subgroups: number;
  /** Quantisation blocks of inputs per step: a divisor of the matrix's number of blocks. */
  readonly depth: number;
}

/** 8-element vectors from row to row of a tile: those of a step, plus one so that neighbouring rows lie in different banks. */
function strideOf(depth: number): number {
  return 4 * depth + 1;
}

/** Bytes of workgroup memory. */
export function splitKBytes({ tokens, rows, depth }: SplitKTile): number {
  return (tokens + rows) * strideOf(depth) * 16;
}

/**
 * The kernel. Bindings: the matrix's, `x`, the partial sums, params.
 * Throws RangeError for a tile that cannot be divided among subgroups.
 */
export function splitKKernel({ label, matrix, x, tile, splits }: SplitKSpec): Kernel {
  const { depth, subgroups } = tile;
  const blocks = blocksOf(matrix.cols);
  const steps = blocks / depth;
  const threads = subgroups * LANES;
  const across = 4 * depth; // vec8s of a row in a step
  const stride = strideOf(depth);
  const m = tile.tokens / FRAGMENT; // fragments of a subgroup along tokens
  const n = tile.rows / FRAGMENT / subgroups;
  const wReads = (tile.rows * depth) / threads; // blocks of weights that a thread copies per step
  const xReads = (tile.tokens * across) / threads; // vec8s of x
  assertWhole(tile, steps, m, n, wReads, xReads);
  const xWords = x === 'f32' ? 2 : 1; // vec4s of an 8-element vector
  const wRow = (i: number): string => `${(i * threads) / depth}u + lid / ${depth}u`;
  const xRow = (i: number): string => `${(i * threads) / across}u + lid / ${across}u`;
  const read = (step: string): string => `
${repeat(wReads, (i) => `    { let block = ${step} * ${depth}u + lid % ${depth}u; w${i} = w_block(w_row${i}, block); f${i} = bitcast<u32>(w_scale(w_row${i}, block)); }`)}
${repeat(xReads, (i) => repeat(xWords, (v) => `    x${i}_${v} = x[x_at${i} + ${step} * ${across * xWords}u + ${v}u];`))}`;
  const load = (side: 'left' | 'right', from: string, row: string, k: number): string =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${FRAGMENT}, ${FRAGMENT}>, ${side === 'left' ? 'row_major' : 'col_major'}>(&${from}, (${row}) * ${stride}u + ${2 * k}u, ${stride}u)`;
  const each = (line: (i: number, j: number) => string): string => repeat(m, (i) => repeat(n, (j) => line(i, j)));
  const outStride = partialSumStride({ matrix, tile });
  const body = `
${f16BlockReader('w', matrix)}
${f16Packer('pack_f16x8', matrix)}
var<workgroup> tile_x: array<vec4<u32>, ${tile.tokens * stride}>; // f16, two a word
var<workgroup> tile_w: array<vec4<u32>, ${tile.rows * stride}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = wg.y * ${tile.rows}u;
  let row0 = lid / ${LANES}u * ${n * FRAGMENT}u; // of the subgroup
${splitRange({ splits }, steps)}
${repeat(xReads, (i) => `  let x_at${i} = (min(first_token + ${xRow(i)}, params.tokens - 1u) * ${blocks * 4}u + lid % ${across}u) * ${xWords}u;`)}
${repeat(xReads, (i) => repeat(xWords, (v) => `  var x${i}_${v}: vec4<${x === 'f32' ? 'f32' : 'u32'}>;`))}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + ${wRow(i)}, ${matrix.rows - 1}u);\n  var w${i}: w_Block; var f${i}: u32;`)}
${each((i, j) => `  var c${i}_${j} = subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>();`)}
${read('begin')}
  for (var step = begin; step < end; step++) {
${repeat(xReads, (i) => `    tile_x[(${xRow(i)}) * ${stride}u + lid % ${across}u] = ${x === 'f32' ? `pack_f16x8(x${i}_0, x${i}_1)` : `x${i}_0`};`)}
${repeat(wReads, (i) => repeat(4, (e) => `    tile_w[(${wRow(i)}) * ${stride}u + lid % ${depth}u * 4u + ${e}u] = w_f16(${vec8OfBlock('w', matrix, { block: `w${i}`, scale: `f${i}` }, e)});`))}
    workgroupBarrier();
    if (step + 1u < end) {
${read('(step + 1u)')}
    }
${repeat(
  2 * depth,
  (k) => `    {
${repeat(m, (i) => `      let a${i} = ${load('left', 'tile_x', `${i * FRAGMENT}u`, k)};`)}
${repeat(n, (j) => `      let b${j} = ${load('right', 'tile_w', `row0 + ${j * FRAGMENT}u`, k)};`)}
${each((i, j) => `      c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`)}
    }`,
)}
    workgroupBarrier();
  }
${paddedTokens({ tile })}
  let to = (wg.z * padded + first_token) * ${outStride}u + first_row + row0;
${each((i, j) => `  subgroupMatrixStore(&sums, to + ${i * FRAGMENT * outStride + j * FRAGMENT}u, c${i}_${j}, false, ${outStride}u);`)}
}`;
  const bindings: Binding[] = [
    ...matrixBindings('w', matrix, 'block'),
    { name: 'x', type: x === 'f32' ? 'array<vec4<f32>>' : 'array<vec4<u32>>', access: 'read' },
    { name: 'sums', type: 'array<f32>', access: 'read_write' },
    PARAMS,
  ];
  return kernel({
    label,
    bindings,
    body,
    enable: ENABLE_SUBGROUP_MATRICES,
    choice: { algorithm: 'split-K GEMM, subgroup matrices', format: describeFormat(matrix), tile: { ...tile }, splits },
  });
}
