/** The small kernels: embedding lookup, embeddings into the residual stream, RMSNorm of many tokens, the arg max of logits. */
import { type Stored } from '../attention/cache-format.ts';
import { type Binding, kernel, type Kernel, PARAMS, type RowKernel } from '../gpu/kernel.ts';
import { matrixBindings, type MatrixFormat, vec8Reader } from '../weights/weight-reader.ts';
import { paddedWidth } from './row-layout.ts';

/** Threads of a workgroup. */
const THREADS = 64;

/** Candidates for the arg max of a row: each is found by one workgroup in its share of the row. */
export const ARG_MAX_CANDIDATES = 64;

/**
 * Rows of the embedding table for ids (int64, as pairs of words), packed as `stored`. Bindings: the table's, `ids`, `out`.
 * Workgroups: one for each 64 times 8 numbers of a row, tokens.
 */
export function embedKernel(table: MatrixFormat, stored: Stored): RowKernel {
  const { cols } = table;
  const words = stored === 'f16' ? cols / 2 : cols;
  const body = `
${vec8Reader('w', table)}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x * 8u >= ${cols}u) { return; }
  let row = min(ids[id.y].x, ${table.rows - 1}u);
  let eight = w_f32(w_vec8(row, id.x / 4u, id.x % 4u));
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
    ...matrixBindings('w', table, 'vec8'),
    { name: 'ids', type: 'array<vec2<u32>>', access: 'read' },
    { name: 'out', type: 'array<u32>', access: 'read_write' },
  ];
  return { kernel: kernel({ label: 'embedding', bindings, body }), groups: Math.ceil(cols / 8 / THREADS) };
}

/** Embeddings `[tokens, cols]` as `stored` into the residual stream, padded rows of f32. Bindings: `embeds`, `hidden`, params. */
export function embeddingToResidualKernel(cols: number, stored: Stored): RowKernel {
  const value =
    stored === 'f16'
      ? `unpack2x16float(embeds[(id.y * ${cols}u + id.x) >> 1u])[(id.y * ${cols}u + id.x) & 1u]`
      : `bitcast<f32>(embeds[id.y * ${cols}u + id.x])`;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${cols}u || id.y >= params.tokens) { return; }
  hidden[id.y * ${paddedWidth(cols)}u + id.x] = ${value};
}`;
  const bindings: Binding[] = [
    { name: 'embeds', type: 'array<u32>', access: 'read' },
    { name: 'hidden', type: 'array<f32>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'residual', bindings, body }), groups: Math.ceil(cols / THREADS) };
}

/** Threads of a norm: a short prompt has few workgroups, so each gets more threads. */
export const NORM_THREADS = 256;

/** WGSL that reduces one value per thread in workgroup memory to a sum at index 0. `threads` is a power of two. */
export function sumOverThreads(array: string, threads: number): string {
  return `  workgroupBarrier();
  for (var half = ${threads / 2}u; half > 0u; half >>= 1u) {
    if (lid < half) { ${array}[lid] += ${array}[lid + half]; }
    workgroupBarrier();
  }`;
}

/** RMSNorm over rows. */
export interface NormSpec {
  readonly label: string;
  /** Numbers of a row, a multiple of four. */
  readonly cols: number;
  readonly epsilon: number;
  /** Whether rows of y have no padding; rows of x do. */
  readonly gapless?: boolean;
}

/** RMSNorm. Bindings: `x`, `gamma`, `y`, all f32. Workgroups: rows. Throws RangeError for rows that are not whole vec4s. */
export function normKernel({ label, cols, epsilon, gapless = false }: NormSpec): Kernel {
  if (cols % 4 !== 0) throw new RangeError(`rows of ${cols} numbers are not made of fours`);
  const quads = cols / 4;
  const stride = paddedWidth(cols) / 4;
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
  return kernel({ label, bindings, body });
}

/**
 * The first largest of each row of logits `[rows, cols]`, 2^32 - 1 where none is finite, in two passes: `candidates` gives
 * ARG_MAX_CANDIDATES of a row (bindings `logits`, `candidates`; workgroups: candidates, rows), `best` the largest of them as
 * int64 (bindings `candidates`, `logits`, `token`; workgroups: rows).
 */
export function argMaxKernels(cols: number): { readonly candidates: Kernel; readonly best: Kernel } {
  const threads = 256;
  const part = Math.ceil(cols / ARG_MAX_CANDIDATES);
  const search = (count: number, first: string, end: string): string => `
  var best = 0xffffffffu;
  var most = 0.0;
  for (var i = ${first} + lid; i < ${end}; i += ${count}u) {
    let column = column_at(wg, i);
    let value = logits[row * ${cols}u + column];
    // Tests the bits: compilers may assume that every number is finite.
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
  const candidates = `
${shared(threads)}
fn column_at(wg: vec3<u32>, i: u32) -> u32 { return i; }
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let row = wg.y;
  ${search(threads, `wg.x * ${part}u`, `min((wg.x + 1u) * ${part}u, ${cols}u)`)}
  if (lid == 0u) { candidates[row * ${ARG_MAX_CANDIDATES}u + wg.x] = bests[0]; }
}`;
  const best = `
${shared(ARG_MAX_CANDIDATES)}
fn column_at(wg: vec3<u32>, i: u32) -> u32 { return min(candidates[wg.x * ${ARG_MAX_CANDIDATES}u + i], ${cols - 1}u); }
@compute @workgroup_size(${ARG_MAX_CANDIDATES})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let row = wg.x;
  ${search(ARG_MAX_CANDIDATES, '0u', `${ARG_MAX_CANDIDATES}u`)}
  if (lid == 0u) { token[row] = vec2<u32>(bests[0], 0u); }
}`;
  const logits: Binding = { name: 'logits', type: 'array<f32>', access: 'read' };
  return {
    candidates: kernel({
      label: 'arg max, candidates',
      bindings: [logits, { name: 'candidates', type: 'array<u32>', access: 'read_write' }],
      body: candidates,
    }),
    best: kernel({
      label: 'arg max',
      bindings: [
        { name: 'candidates', type: 'array<u32>', access: 'read' },
        logits,
        { name: 'token', type: 'array<vec2<u32>>', access: 'read_write' },
      ],
      body: best,
    }),
  };
}
