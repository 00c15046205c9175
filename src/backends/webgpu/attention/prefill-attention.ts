/**
 * Causal attention of new tokens over a static cache, with rotary positions. A workgroup takes the query heads of one
 * key/value head for one token or a few, walks over its part of the cache in tiles with a running softmax, and so reads each
 * key and value once for all of them. Parts of the cache are computed apart where one would keep too few workgroups
 * busy (flash decoding), and put together by `combineKernel`.
 *
 * The rotary row of a token is its cache slot, halves are not interleaved, as in onnxruntime's GroupQueryAttention.
 * Source: Dao et al., FlashAttention (2022); Dao et al., Flash-Decoding for long-context inference (2023).
 */
import { packing, type Stored } from './cache-format.ts';
import { addDot, type Binding, kernel, type Kernel, PARAMS, repeat, roundUp } from '../gpu/kernel.ts';

/** Sizes of attention. */
export interface AttentionSpec {
  readonly numHeads: number;
  readonly numKvHeads: number;
  /** A multiple of 16. */
  readonly headDim: number;
  readonly stored: Stored;
  /** Query tokens of a workgroup. */
  readonly tokens: number;
}

/** Threads of a workgroup. */
export const THREADS = 128;
/** Cached tokens of a tile. */
export const TILE = 64;
/** Values a thread has on their way at once. */
const AT_ONCE = 4;
/** A score no softmax sees. */
export const NEVER = '-1e30';

/** WGSL types of the cache. */
export const CACHE_TYPE = { eight: 'array<Eight>', four: 'array<Four>' } as const;

/** vec4s of a partial result: the weighted sum, then the largest score and the sum of weights. */
export function partialStride(headDim: number): number {
  return headDim / 4 + 1;
}

/** f32 numbers that `parts` parts of `tokens` tokens take. */
export function partialLength({ numHeads, headDim }: AttentionSpec, tokens: number, parts: number): number {
  return tokens * parts * numHeads * partialStride(headDim) * 4;
}

/** Workgroups of attention: token groups, kv heads, parts. */
export function attentionGrid({ tokens, numKvHeads }: AttentionSpec, count: number, parts: number): readonly number[] {
  return [Math.ceil(count / tokens), numKvHeads, parts];
}

/** Bytes of workgroup memory. */
export function attentionBytes({ numHeads, numKvHeads, headDim, tokens }: AttentionSpec): number {
  const rows = roundUp((numHeads / numKvHeads) * tokens, 2);
  return 4 * (rows * (headDim + TILE) + headDim + 2 * THREADS + 3 * rows);
}

/** Bindings of a run's rotary rows and its packed query, key and value. */
export const QKV: readonly Binding[] = [
  { name: 'qkv', type: 'array<vec4<f32>>', access: 'read' },
  { name: 'cos_rows', type: CACHE_TYPE.four, access: 'read' },
  { name: 'sin_rows', type: CACHE_TYPE.four, access: 'read' },
];

/** WGSL that rotates: quads j of the two halves of head `head` of token `token`; and packs its value. */
export function rotation({ headDim, numHeads, numKvHeads }: Omit<AttentionSpec, 'tokens'>): string {
  const stride = roundUp((numHeads + 2 * numKvHeads) * headDim, 32) / 4;
  return `
fn rotated(token: u32, head: u32, j: u32) -> array<vec4<f32>, 2> {
  let at = token * ${stride}u + head * ${headDim / 4}u + j;
  let row = (params.past + token) * ${headDim / 8}u + j;
  let c = unpack4(cos_rows[row]);
  let s = unpack4(sin_rows[row]);
  let a = qkv[at];
  let b = qkv[at + ${headDim / 8}u];
  return array<vec4<f32>, 2>(a * c - b * s, b * c + a * s);
}
fn value8(token: u32, head: u32, j: u32) -> Eight {
  let at = token * ${stride}u + (${numHeads + numKvHeads}u + head) * ${headDim / 4}u + j * 2u;
  return pack8(qkv[at], qkv[at + 1u]);
}`;
}

/**
 * Puts the new tokens' rotated keys and their values into the cache `[numKvHeads, capacity, headDim]`: a thread takes eight
 * numbers of each half of a head. Bindings: qkv, cos_rows, sin_rows, keys, values, params.
 */
export function cacheKernel(spec: AttentionSpec): { readonly kernel: Kernel; groups(tokens: number): number } {
  const { headDim, numHeads, numKvHeads, stored } = spec;
  const perHead = headDim / 16;
  const body = `
${packing(stored)}
${rotation(spec)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let j = id.x % ${perHead}u;
  let head = (id.x / ${perHead}u) % ${numKvHeads}u;
  let token = id.x / ${perHead * numKvHeads}u;
  if (token >= params.tokens) { return; }
  let to = (head * params.capacity + params.past + token) * ${headDim / 8}u + j;
  let a = rotated(token, ${numHeads}u + head, j * 2u);
  let b = rotated(token, ${numHeads}u + head, j * 2u + 1u);
  keys[to] = pack8(a[0], b[0]);
  keys[to + ${perHead}u] = pack8(a[1], b[1]);
  values[to] = value8(token, head, j);
  values[to + ${perHead}u] = value8(token, head, j + ${perHead}u);
}`;
  const bindings: Binding[] = [
    ...QKV,
    { name: 'keys', type: CACHE_TYPE.eight, access: 'read_write' },
    { name: 'values', type: CACHE_TYPE.eight, access: 'read_write' },
    PARAMS,
  ];
  return {
    kernel: kernel('rotary, cache', bindings, body),
    groups: (tokens) => Math.ceil((tokens * perHead * numKvHeads) / 64),
  };
}

/**
 * Attention. Bindings: qkv, cos_rows, sin_rows, keys, values, output f32 `[tokens, numHeads headDim]`, partials, params.
 * With one part (`params.splits`) the result goes to output, else to partials. Workgroups: token groups, kv heads, parts.
 */
export function attentionKernel(spec: AttentionSpec): Kernel {
  const { numHeads, numKvHeads, headDim, stored, tokens } = spec;
  const group = numHeads / numKvHeads;
  const rows = group * tokens;
  const quads = headDim / 4;
  // Scores: threads side by side take tokens of the tile, and all of these some rows.
  const scoreGroups = THREADS / TILE;
  const scoreRows = Math.ceil(rows / scoreGroups);
  const paddedRows = scoreRows * scoreGroups;
  // Sums: threads side by side take four numbers of a head each, and all of these some rows.
  const sumGroups = Math.max(1, Math.min(rows, Math.floor(THREADS / quads)));
  const sumRows = Math.ceil(rows / sumGroups);
  // The softmax of a row: so many threads, a power of two.
  const runners = 2 ** Math.floor(Math.log2(THREADS / rows));
  if (rows > THREADS || quads > THREADS) throw new RangeError(`${rows} rows of attention are more than ${THREADS}`);

  const body = `
${packing(stored)}
${rotation(spec)}
var<workgroup> queries: array<vec4<f32>, ${paddedRows * quads}>;
var<workgroup> weights: array<f32, ${paddedRows * TILE}>;
var<workgroup> lane_values: array<f32, ${rows * runners}>;
var<workgroup> lane_sums: array<f32, ${rows * runners}>;
var<workgroup> largest: array<f32, ${rows}>;
var<workgroup> total: array<f32, ${rows}>;
var<workgroup> shrink: array<f32, ${rows}>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let token0 = wg.x * ${tokens}u;
  let head = wg.y;
  let begin = wg.z * params.chunk;
  let end = min(begin + params.chunk, params.past + min(token0 + ${tokens}u, params.tokens));
  for (var i = lid; i < ${rows * (quads / 2)}u; i += ${THREADS}u) {
    let row = i / ${quads / 2}u;
    let j = i % ${quads / 2}u;
    let q = rotated(min(token0 + row / ${group}u, params.tokens - 1u), head * ${group}u + row % ${group}u, j);
    queries[row * ${quads}u + j] = q[0] * ${1 / Math.sqrt(headDim)}f;
    queries[row * ${quads}u + j + ${quads / 2}u] = q[1] * ${1 / Math.sqrt(headDim)}f;
  }
  if (lid < ${rows}u) { largest[lid] = ${NEVER}; total[lid] = 0.0; }
  let quad = lid % ${quads}u;
  let sum_group = lid / ${quads}u;
${repeat(sumRows, (r) => `  var sum${r} = vec4<f32>();`)}
  workgroupBarrier();
  for (var tile = begin; tile < end; tile += ${TILE}u) {
    // 1. Scores of the tile's tokens.
    {
      let slot = tile + lid % ${TILE}u;
      let row0 = (lid / ${TILE}u) * ${scoreRows}u;
      let at = (head * params.capacity + min(slot, end - 1u)) * ${headDim / 8}u;
${repeat(scoreRows, (r) => `      var score${r} = 0.0;`)}
      for (var d = 0u; d < ${headDim / 8}u; d++) {
        let k = unpack8(keys[at + d]);
        let k0 = k[0];
        let k1 = k[1];
${repeat(
  scoreRows,
  (r) => `        {
          let q = (row0 + ${r}u) * ${quads}u + d * 2u;
          let a = queries[q];
          let b = queries[q + 1u];
          ${addDot(`score${r}`, 'a', 'k0')}
          ${addDot(`score${r}`, 'b', 'k1')}
        }`,
)}
      }
${repeat(
  scoreRows,
  (r) => `      weights[(row0 + ${r}u) * ${TILE}u + lid % ${TILE}u] =
        select(${NEVER}, score${r}, slot < end && slot <= params.past + token0 + (row0 + ${r}u) / ${group}u);`,
)}
    }
    workgroupBarrier();
    // 2. Softmax so far.
${runningSoftmax({ rows, runners, scores: 'weights' })}
    // 3. Weighted sums of values.
    if (sum_group < ${sumGroups}u) {
${repeat(sumRows, (r) => `      let row${r} = min(sum_group * ${sumRows}u + ${r}u, ${rows - 1}u); sum${r} *= shrink[row${r}];`)}
      for (var p = 0u; p < min(${TILE}u, end - tile); p += ${AT_ONCE}u) { // what lies beyond the end weighs nothing
${repeat(AT_ONCE, (i) => `        let v${i} = unpack4(values[(head * params.capacity + min(tile + p + ${i}u, end - 1u)) * ${quads}u + quad]);`)}
${repeat(sumRows, (r) => repeat(AT_ONCE, (i) => `        sum${r} = fma(vec4<f32>(weights[row${r} * ${TILE}u + p + ${i}u]), v${i}, sum${r});`))}
      }
    }
    workgroupBarrier();
  }
  if (sum_group >= ${sumGroups}u) { return; }
${repeat(
  sumRows,
  (r) => `
  {
    let row = sum_group * ${sumRows}u + ${r}u;
    let token = token0 + row / ${group}u;
    let query_head = head * ${group}u + row % ${group}u;
    if (row < ${rows}u && token < params.tokens) {
      ${writeResult(spec, { token: 'token', head: 'query_head' }, { sum: `sum${r}`, most: 'largest[row]', total: 'total[row]' })}
    }
  }`,
)}
}`;
  const bindings: Binding[] = [
    ...QKV,
    { name: 'keys', type: CACHE_TYPE.eight, access: 'read' },
    { name: 'values', type: CACHE_TYPE.four, access: 'read' },
    ...RESULTS,
    PARAMS,
  ];
  return kernel('attention', bindings, body);
}

/**
 * WGSL of a tile's softmax, carried on from the tiles before: the scores `[rows, TILE]` in workgroup memory become weights,
 * and `largest`, `total` and `shrink` of each row follow. `finish` is run on a score, which lies at `at`, before it is looked at.
 */
export function runningSoftmax({
  rows,
  runners,
  scores,
  finish = '',
}: {
  readonly rows: number;
  /** Threads of a row. */
  readonly runners: number;
  /** Name of the array. */
  readonly scores: string;
  readonly finish?: string;
}): string {
  return `
    let row = lid / ${runners}u;
    let runner = lid % ${runners}u;
    var most = ${NEVER};
    if (row < ${rows}u) {
      for (var p = runner; p < ${TILE}u; p += ${runners}u) {
        let at = row * ${TILE}u + p;
        ${finish}
        most = max(most, ${scores}[at]);
      }
      lane_values[lid] = most;
    }
    workgroupBarrier();
    if (row < ${rows}u) {
      most = largest[row];
      for (var l = 0u; l < ${runners}u; l++) { most = max(most, lane_values[row * ${runners}u + l]); }
      var sum = 0.0;
      for (var p = runner; p < ${TILE}u; p += ${runners}u) {
        let score = ${scores}[row * ${TILE}u + p];
        let weight = select(exp(score - most), 0.0, score <= -1e29);
        ${scores}[row * ${TILE}u + p] = weight;
        sum += weight;
      }
      lane_sums[lid] = sum;
    }
    workgroupBarrier();
    if (row < ${rows}u && runner == 0u) {
      let factor = exp(largest[row] - most);
      var sum = total[row] * factor;
      for (var l = 0u; l < ${runners}u; l++) { sum += lane_sums[row * ${runners}u + l]; }
      total[row] = sum;
      shrink[row] = factor;
      largest[row] = most;
    }
    workgroupBarrier();`;
}

/** Bindings of what attention gives. */
export const RESULTS: readonly Binding[] = [
  { name: 'output', type: 'array<vec4<f32>>', access: 'read_write' },
  { name: 'partials', type: 'array<vec4<f32>>', access: 'read_write' },
];

/**
 * WGSL that writes quad `quad` of a row's weighted sum, where its largest score and the sum of its weights are known: divided
 * to output where there is one part, else to partials.
 */
export function writeResult(
  { numHeads, headDim }: Pick<AttentionSpec, 'numHeads' | 'headDim'>,
  { token, head }: { readonly token: string; readonly head: string },
  { sum, most, total }: { readonly sum: string; readonly most: string; readonly total: string },
): string {
  const quads = headDim / 4;
  return `if (params.splits == 1u) {
        output[${token} * ${roundUp(numHeads * headDim, 32) / 4}u + ${head} * ${quads}u + quad] = ${sum} / ${total};
      } else {
        let at = ((wg.z * params.tokens + ${token}) * ${numHeads}u + ${head}) * ${partialStride(headDim)}u;
        partials[at + quad] = ${sum};
        if (quad == 0u) { partials[at + ${quads}u] = vec4<f32>(${most}, ${total}, 0.0, 0.0); }
      }`;
}
