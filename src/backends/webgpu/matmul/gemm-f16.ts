/**
 * GEMM in f16, for devices without subgroup matrices where f16 is twice as fast as f32: multiplies quantized values and X in
 * f16, two at once. A sum of 16 products within a block stays in f16; everything after it, including the block's scale, is f32, so
 * the loss is little more than that of rounding X to f16. Same bindings and result as `gemmKernel`; needs `shader-f16` and a
 * quantized matrix.
 */
import { type Kernel, repeat } from '../gpu/kernel.ts';
import { assertWhole, copiedToken, eachOutput, type GemmSpec, type GemmTile, threadsOf, tiledGemm } from './gemm.ts';
import { quantReader, vec8Reader, f16Packer } from '../weights/weight-reader.ts';
import { blocksOf, VEC8S_PER_BLOCK } from '../rows/row-layout.ts';

/** 8-element vectors per block, and per row of a tile: one more, so that neighbouring rows lie in different banks. */
const VEC8S = VEC8S_PER_BLOCK;
const STRIDE = VEC8S + 1;

/**
 * X is divided by this, which is exact: a sum of 16 products then stays within f16's range for X up to 32,752 (a single product
 * up to 524,032), and X keeps its eleven bits down to 0.004.
 */
const SHRINK = 64;

/** Bytes of workgroup memory that a tile takes. */
export function gemmF16TileBytes({ tokens, rows }: Pick<GemmTile, 'tokens' | 'rows'>): number {
  return (tokens + rows) * STRIDE * 16 + rows * 4;
}

/**
 * The kernel, for tiles that take one block per step.
 * Throws RangeError for a tile that cannot be divided among threads, TypeError for a matrix that is not quantized.
 */
export function gemmF16Kernel(spec: GemmSpec): Kernel {
  const { matrix, tile } = spec;
  const blocks = blocksOf(matrix.cols);
  const { across, along, threads } = threadsOf(tile);
  const xReads = (tile.tokens * VEC8S) / threads; // vec8s of x a thread copies for a step
  const wReads = (tile.rows * VEC8S) / threads; // vec8s of weights
  assertWhole(tile, xReads, wReads, tile.depth / 8);
  const { functions, shrink } = quantReader('w', matrix);
  const row = (i: number): string => `(lid + ${i * threads}u) / ${VEC8S}u`;
  const at = (i: number): string => `${row(i)} * ${STRIDE}u + lid % ${VEC8S}u`;
  const words = ['x', 'y', 'z', 'w'] as const;
  const pairs = (name: string, from: string): string =>
    words.map((word) => `let ${name}${word} = bitcast<vec2<f16>>(${from}.${word});`).join(' ');
  const multiply = (k: number): string => `    {
${repeat(tile.tokensPerThread, (m) => `      let a${m} = tile_x[(ty + ${m * along}u) * ${STRIDE}u + ${k}u]; ${pairs(`a${m}_`, `a${m}`)}`)}
${repeat(
  tile.rowsPerThread,
  (n) => `      {
        let b = tile_w[(tx + ${n * across}u) * ${STRIDE}u + ${k}u]; ${pairs('b_', 'b')}
${repeat(tile.tokensPerThread, (m) => `        h${m}_${n} = ${words.reduce((sum, word) => `fma(a${m}_${word}, b_${word}, ${sum})`, `h${m}_${n}`)};`)}
      }`,
)}
    }`;
  const fold = (n: number): string => `    {
      let scale = tile_scales[tx + ${n * across}u];
${repeat(tile.tokensPerThread, (m) => `      s${m}_${n} = fma(f32(h${m}_${n}.x) + f32(h${m}_${n}.y), scale, s${m}_${n});`)}
    }`;
  return tiledGemm(spec, {
    algorithm: 'GEMM, f16',
    enable: 'enable f16;',
    declarations: `${vec8Reader('w', matrix)}
${functions}
${f16Packer('pack_f16x8', matrix)}
var<workgroup> tile_x: array<vec4<u32>, ${tile.tokens * STRIDE}>; // f16, two a word
var<workgroup> tile_w: array<vec4<u32>, ${tile.rows * STRIDE}>;
var<workgroup> tile_scales: array<f32, ${tile.rows}>;`,
    steps: blocks,
    isInterleaved: true,
    variables: `
${repeat(
  xReads,
  (i) => `  let x_at${i} = ${copiedToken(spec, `lid + ${i * threads}u`, VEC8S)} * ${blocks * 8}u + lid % ${VEC8S}u * 2u;
  var xa${i}: vec4<f32>;
  var xb${i}: vec4<f32>;`,
)}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + ${row(i)}, ${matrix.rows - 1}u);\n  var w${i}: w_Vec8;`)}`,
    read: (step) => `
${repeat(xReads, (i) => `    xa${i} = x[x_at${i} + ${step} * 8u];\n    xb${i} = x[x_at${i} + ${step} * 8u + 1u];`)}
${repeat(wReads, (i) => `    w${i} = w_vec8(w_row${i}, ${step}, lid % ${VEC8S}u);`)}`,
    write: `
${repeat(xReads, (i) => `    tile_x[${at(i)}] = pack_f16x8(xa${i} * ${1 / SHRINK}, xb${i} * ${1 / SHRINK});`)}
${repeat(
  wReads,
  (i) => `    tile_w[${at(i)}] = w_shrunk(w${i});
    if (lid % ${VEC8S}u == 0u) { tile_scales[${row(i)}] = w_vec8_scale(w${i}) * ${SHRINK * shrink}.0; }`,
)}`,
    multiply: `
${eachOutput(tile, (m, n) => `    var h${m}_${n} = vec2<f16>();`)}
${repeat(VEC8S, multiply)}
${repeat(tile.rowsPerThread, fold)}`,
  });
}
