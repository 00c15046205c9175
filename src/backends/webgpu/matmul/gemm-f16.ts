/**
 * Y = X Wᵀ for many tokens where f16 is twice as fast as f32 but there are no matrix units: products of codes and X in f16, two at
 * once. The sum of a block's 16 products stays f16, everything beyond is f32, its scale included, so what is lost is little more
 * than X loses in f16. Same bindings and meaning as `matmulKernel`; needs `shader-f16` and codes.
 */
import { type Kernel, repeat } from '../gpu/kernel.ts';
import { copiedToken, eachOutput, type MatmulSpec, mustBeWhole, threadsOf, type Tile, tiledKernel } from './gemm.ts';
import { codesReader, eightReader, halvesPacker } from '../weights/weight-reader.ts';

/** Eights of a block, and between rows of a tile: one more, so that neighbouring rows lie in other banks. */
const EIGHTS = 4;
const STRIDE = EIGHTS + 1;

/**
 * X is made so many times smaller, which is exact: 16 products then stay in f16's range for X up to 32,752 each (a single one up to
 * 524,032), and X keeps its eleven bits down to 0.004.
 */
const SHRINK = 64;

/** Bytes of workgroup memory that a tile takes. */
export function halvesTileBytes({ tokens, rows }: Pick<Tile, 'tokens' | 'rows'>): number {
  return (tokens + rows) * STRIDE * 16 + rows * 4;
}

/**
 * The kernel's source, for tiles that take a block a step; `parts` as `matmulKernel` has it.
 * Throws RangeError for a tile that cannot be shared out, TypeError for a matrix without codes.
 */
export function halvesMatmulKernel(spec: MatmulSpec, tile: Tile, parts?: number): Kernel {
  const { matrix } = spec;
  const blocks = Math.ceil(matrix.cols / 32);
  const { across, along, threads } = threadsOf(tile);
  const xReads = (tile.tokens * EIGHTS) / threads; // eights of x a thread copies for a step
  const wReads = (tile.rows * EIGHTS) / threads; // eights of weights
  mustBeWhole(tile, xReads, wReads, tile.depth / 8);
  const { functions, shrink } = codesReader('w', matrix);
  const row = (i: number): string => `(lid + ${i * threads}u) / ${EIGHTS}u`;
  const at = (i: number): string => `${row(i)} * ${STRIDE}u + lid % ${EIGHTS}u`;
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
  return tiledKernel(spec, tile, parts, {
    enable: 'enable f16;',
    declarations: `${eightReader('w', matrix)}
${functions}
${halvesPacker('halves', matrix)}
var<workgroup> tile_x: array<vec4<u32>, ${tile.tokens * STRIDE}>; // f16, two a word
var<workgroup> tile_w: array<vec4<u32>, ${tile.rows * STRIDE}>;
var<workgroup> tile_scales: array<f32, ${tile.rows}>;`,
    steps: blocks,
    isInterleaved: true,
    variables: `
${repeat(
  xReads,
  (
    i,
  ) => `  let x_at${i} = ${copiedToken(spec, `lid + ${i * threads}u`, EIGHTS)} * ${blocks * 8}u + lid % ${EIGHTS}u * 2u;
  var xa${i}: vec4<f32>;
  var xb${i}: vec4<f32>;`,
)}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + ${row(i)}, ${matrix.rows - 1}u);\n  var w${i}: w_Eight;`)}`,
    read: (step) => `
${repeat(xReads, (i) => `    xa${i} = x[x_at${i} + ${step} * 8u];\n    xb${i} = x[x_at${i} + ${step} * 8u + 1u];`)}
${repeat(wReads, (i) => `    w${i} = w_eight(w_row${i}, ${step}, lid % ${EIGHTS}u);`)}`,
    write: `
${repeat(xReads, (i) => `    tile_x[${at(i)}] = halves(xa${i} * ${1 / SHRINK}, xb${i} * ${1 / SHRINK});`)}
${repeat(
  wReads,
  (i) => `    tile_w[${at(i)}] = w_shrunk(w${i});
    if (lid % ${EIGHTS}u == 0u) { tile_scales[${row(i)}] = w_eight_scale(w${i}) * ${SHRINK * shrink}.0; }`,
)}`,
    multiply: `
${eachOutput(tile, (m, n) => `    var h${m}_${n} = vec2<f16>();`)}
${repeat(EIGHTS, multiply)}
${repeat(tile.rowsPerThread, fold)}`,
  });
}
