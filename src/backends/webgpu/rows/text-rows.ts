/** The small kernels: embedding lookup, embeddings into the residual stream, RMSNorm of many tokens, the arg max of logits. */
import { type Stored } from '../attention/cache-format.ts';
import { type Binding, kernel, type Kernel, PARAMS, roundUp, type RowKernel } from '../gpu/kernel.ts';
import { matrixBindings, type MatrixFormat, eightReader } from '../weights/weight-reader.ts';

/** Threads of a workgroup. */
const THREADS = 64;

/** Parts in which the arg max of a row is sought first. */
export const ARG_MAX_PARTS = 64;

/**
 * Rows of the embedding table for ids (int64, as pairs of words), packed as `stored`. Bindings: the table's, `ids`, `out`.
 * Workgroups: one for each 64 times 8 numbers of a row, tokens.
 */
export function embedKernel(table: MatrixFormat, stored: Stored): RowKernel {
  const { cols } = table;
  const words = stored === 'f16' ? cols / 2 : cols;
  const body = `
${eightReader('w', table)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x * 8u >= ${cols}u) { return; }
  let row = min(ids[id.y].x, ${table.rows - 1}u);
  let eight = w_f32(w_eight(row, id.x / 4u, id.x % 4u));
  let at = id.y * ${words}u + id.x * ${stored === 'f16' ? 4 : 8}u;
  for (var i = 0u; i < ${stored === 'f16' ? 4 : 8}u; i++) {
    ${
      stored === 'f16'
        ? 'let four = eight[i / 2u]; out[at + i] = pack2x16float(select(four.xy, four.zw, (i & 1u) == 1u));'
        : 'out[at + i] = bitcast<u32>(eight[i / 4u][i % 4u]);'
    }
  }
}`;
  const bindings: Binding[] = [
    ...matrixBindings('w', table, 'eight'),
    { name: 'ids', type: 'array<vec2<u32>>', access: 'read' },
    { name: 'out', type: 'array<u32>', access: 'read_write' },
  ];
  return { kernel: kernel('embedding', bindings, body), groups: Math.ceil(cols / 8 / THREADS) };
}

/** Embeddings `[tokens, cols]` as `stored` into the residual stream, f32 rows of a multiple of 32. Bindings: `embeds`, `hidden`, params. Workgroups: see `groups`, tokens. */
export function loadKernel(cols: number, stored: Stored): RowKernel {
  const value =
    stored === 'f16'
      ? `unpack2x16float(embeds[(id.y * ${cols}u + id.x) >> 1u])[(id.y * ${cols}u + id.x) & 1u]`
      : `bitcast<f32>(embeds[id.y * ${cols}u + id.x])`;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${cols}u || id.y >= params.tokens) { return; }
  hidden[id.y * ${roundUp(cols, 32)}u + id.x] = ${value};
}`;
  const bindings: Binding[] = [
    { name: 'embeds', type: 'array<u32>', access: 'read' },
    { name: 'hidden', type: 'array<f32>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel('residual', bindings, body), groups: Math.ceil(cols / THREADS) };
}

/** Threads of a norm: those of a short prompt have few workgroups, and wait for one another. */
export const NORM_THREADS = 256;

/** WGSL that sums what each of so many threads, a power of two, has put at its place in workgroup memory: the sum is at 0. */
export function sumOverThreads(array: string, threads: number): string {
  return `  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half >>= 1u) {
    if (lid < half) { ${array}[lid] += ${array}[lid + half]; }
    workgroupBarrier();
  }`;
}

/**
 * RMSNorm of rows of `cols` numbers, a multiple of four, padded to a multiple of 32; those of y too unless they are to be
 * `gapless`. Bindings: `x`, `gamma`, `y`. Workgroups: tokens. Throws RangeError for other numbers.
 */
export function normKernel(label: string, cols: number, epsilon: number, gapless = false): Kernel {
  if (cols % 4 !== 0) throw new RangeError(`rows of ${cols} numbers are not made of fours`);
  const quads = cols / 4;
  const stride = roundUp(cols, 32) / 4;
  const body = `
var<workgroup> squares: array<f32, ${NORM_THREADS}>;
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first = wg.x * ${stride}u;
  let to = wg.x * ${gapless ? quads : stride}u;
  var square = 0.0;
  for (var i = lid; i < ${quads}u; i += ${NORM_THREADS}u) { square += dot(x[first + i], x[first + i]); }
  squares[lid] = square;
${sumOverThreads('squares', NORM_THREADS)}
  let factor = inverseSqrt(squares[0] / ${cols}.0 + ${epsilon.toExponential()}f);
  for (var i = lid; i < ${quads}u; i += ${NORM_THREADS}u) { y[to + i] = x[first + i] * factor * gamma[i]; }
}`;
  const bindings: Binding[] = [
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'gamma', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<vec4<f32>>', access: 'read_write' },
  ];
  return kernel(label, bindings, body);
}

/**
 * The first largest of each row of logits `[rows, cols]`, 2^32 - 1 where none is finite, in two passes: `parts` gives ARG_MAX_PARTS candidates a row (bindings
 * `logits`, `candidates`; workgroups: parts, rows), `whole` the best of them as int64 (bindings `candidates`, `logits`, `token`;
 * workgroups: rows).
 */
export function argMaxKernels(cols: number): { readonly parts: Kernel; readonly whole: Kernel } {
  const threads = 256;
  const part = Math.ceil(cols / ARG_MAX_PARTS);
  const search = (count: number, first: string, end: string): string => `
  var best = 0xffffffffu;
  var most = 0.0;
  for (var i = ${first} + lid; i < ${end}; i += ${count}u) {
    let column = column_at(wg, i);
    let value = logits[row * ${cols}u + column];
    // By its bits: compilers may take it for granted that every number is finite.
    let is_finite = (bitcast<u32>(value) & 0x7fffffffu) < 0x7f800000u;
    if (is_finite && (best == 0xffffffffu || value > most || (value == most && column < best))) { most = value; best = column; }
  }
  bests[lid] = best;
  mosts[lid] = most;
  workgroupBarrier();
  for (var half = ${count / 2}u; half > 0u; half >>= 1u) {
    if (lid < half) {
      let other = bests[lid + half];
      let value = mosts[lid + half];
      let mine = bests[lid];
      if (other != 0xffffffffu && (mine == 0xffffffffu || value > mosts[lid] || (value == mosts[lid] && other < mine))) {
        bests[lid] = other;
        mosts[lid] = value;
      }
    }
    workgroupBarrier();
  }`;
  const shared = (count: number): string =>
    `var<workgroup> bests: array<u32, ${count}>;\nvar<workgroup> mosts: array<f32, ${count}>;`;
  const parts = `
${shared(threads)}
fn column_at(wg: vec3<u32>, i: u32) -> u32 { return i; }
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let row = wg.y;
  ${search(threads, `wg.x * ${part}u`, `min((wg.x + 1u) * ${part}u, ${cols}u)`)}
  if (lid == 0u) { candidates[row * ${ARG_MAX_PARTS}u + wg.x] = bests[0]; }
}`;
  const whole = `
${shared(ARG_MAX_PARTS)}
fn column_at(wg: vec3<u32>, i: u32) -> u32 { return min(candidates[wg.x * ${ARG_MAX_PARTS}u + i], ${cols - 1}u); }
@compute @workgroup_size(${ARG_MAX_PARTS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let row = wg.x;
  ${search(ARG_MAX_PARTS, '0u', `${ARG_MAX_PARTS}u`)}
  if (lid == 0u) { token[row] = vec2<u32>(bests[0], 0u); }
}`;
  const logits: Binding = { name: 'logits', type: 'array<f32>', access: 'read' };
  return {
    parts: kernel('arg max, parts', [logits, { name: 'candidates', type: 'array<u32>', access: 'read_write' }], parts),
    whole: kernel(
      'arg max',
      [
        { name: 'candidates', type: 'array<u32>', access: 'read' },
        logits,
        { name: 'token', type: 'array<vec2<u32>>', access: 'read_write' },
      ],
      whole,
    ),
  };
}
