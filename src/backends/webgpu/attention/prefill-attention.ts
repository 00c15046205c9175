/**
 * Causal attention of new tokens over a static cache, with rotary positions. A workgroup takes the query heads of one
 * key/value head for one token or a few and walks over its KV split in tiles with a running softmax, so it reads each key and
 * value once for all of them. The cache is split where one split would occupy too few workgroups (flash-decoding);
 * `kvSplitReduceKernel` reduces the splits.
 *
 * The rotary row of a token is its cache slot, the two halves of a head are not interleaved, as in onnxruntime's GroupQueryAttention.
 * Source: Dao et al., FlashAttention (2022); Dao et al., Flash-Decoding for long-context inference (2023).
 */
import { addDot, type Binding, kernel, type Kernel, PARAMS, repeat, roundUp } from '../gpu/kernel.ts';
import type { AttentionSpec } from './attention-spec.ts';
import { CACHE_TYPE, MASKED_SCORE, packing } from './cache-format.ts';
import { RESULTS, writeResult } from './kv-partials.ts';
import { QKV, rotation } from './rotary.ts';

/** Threads of a workgroup. */
export const THREADS = 128;
/** Cached tokens of a tile. */
export const TILE = 64;
/** Values that a thread loads at once. */
const AT_ONCE = 4;

/** Workgroups of attention: token groups, kv heads, KV splits. */
export function attentionGrid({ tokens, numKvHeads }: AttentionSpec, count: number, splits: number): readonly number[] {
  return [Math.ceil(count / tokens), numKvHeads, splits];
}

/** Bytes of workgroup memory. */
export function attentionBytes({ numHeads, numKvHeads, headDim, tokens }: AttentionSpec): number {
  const rows = roundUp((numHeads / numKvHeads) * tokens, 2);
  return 4 * (rows * (headDim + TILE) + headDim + 2 * THREADS + 3 * rows);
}

/**
 * Attention. Bindings: qkv, cos_rows, sin_rows, keys, values, output f32 `[tokens, numHeads headDim]`, partials, params.
 * With one KV split (`params.splits`) the result goes to output, else to partials. Workgroups: token groups, kv heads, KV splits.
 */
export function prefillAttentionKernel(spec: AttentionSpec): Kernel {
  const { numHeads, numKvHeads, headDim, stored, tokens } = spec;
  const group = numHeads / numKvHeads;
  const rows = group * tokens;
  const quads = headDim / 4;
  // Scores: neighbouring threads take the tokens of the tile, and groups of them some rows.
  const scoreGroups = THREADS / TILE;
  const scoreRows = Math.ceil(rows / scoreGroups);
  const paddedRows = scoreRows * scoreGroups;
  // Sums: neighbouring threads take four numbers of a head each, and groups of them some rows.
  const sumGroups = Math.max(1, Math.min(rows, Math.floor(THREADS / quads)));
  const sumRows = Math.ceil(rows / sumGroups);
  // Threads per row in the softmax, a power of two.
  const lanes = 2 ** Math.floor(Math.log2(THREADS / rows));
  if (rows > THREADS || quads > THREADS) throw new RangeError(`${rows} rows of attention are more than ${THREADS}`);

  const body = `
${packing(stored)}
${rotation(spec)}
var<workgroup> queries: array<vec4<f32>, ${paddedRows * quads}>;
var<workgroup> weights: array<f32, ${paddedRows * TILE}>;
var<workgroup> lane_values: array<f32, ${rows * lanes}>;
var<workgroup> lane_sums: array<f32, ${rows * lanes}>;
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
  if (lid < ${rows}u) { largest[lid] = ${MASKED_SCORE}; total[lid] = 0.0; }
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
        select(${MASKED_SCORE}, score${r}, slot < end && slot <= params.past + token0 + (row0 + ${r}u) / ${group}u);`,
)}
    }
    workgroupBarrier();
    // 2. Running softmax.
${runningSoftmax({ rows, lanes, scores: 'weights' })}
    // 3. Weighted sums of values.
    if (sum_group < ${sumGroups}u) {
${repeat(sumRows, (r) => `      let row${r} = min(sum_group * ${sumRows}u + ${r}u, ${rows - 1}u); sum${r} *= shrink[row${r}];`)}
      for (var p = 0u; p < min(${TILE}u, end - tile); p += ${AT_ONCE}u) { // slots past the end have weight 0
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
    { name: 'keys', type: CACHE_TYPE.packed8, access: 'read' },
    { name: 'values', type: CACHE_TYPE.packed4, access: 'read' },
    ...RESULTS,
    PARAMS,
  ];
  return kernel({
    label: 'attention',
    bindings,
    body,
    choice: { algorithm: 'attention, prefill', tile: { tokens, keys: TILE } },
  });
}

/**
 * WGSL of a tile's running softmax: turns the scores `[rows, TILE]` in workgroup memory into weights and updates `largest`,
 * `total` and `shrink` of each row. `finish` completes the score at `at` before it is used.
 */
export function runningSoftmax({
  rows,
  lanes,
  scores,
  finish = '',
}: {
  readonly rows: number;
  /** Threads per row. */
  readonly lanes: number;
  /** Name of the array. */
  readonly scores: string;
  readonly finish?: string;
}): string {
  return `
    let row = lid / ${lanes}u;
    let lane = lid % ${lanes}u;
    var most = ${MASKED_SCORE};
    if (row < ${rows}u) {
      for (var p = lane; p < ${TILE}u; p += ${lanes}u) {
        let at = row * ${TILE}u + p;
        ${finish}
        most = max(most, ${scores}[at]);
      }
      lane_values[lid] = most;
    }
    workgroupBarrier();
    if (row < ${rows}u) {
      most = largest[row];
      for (var l = 0u; l < ${lanes}u; l++) { most = max(most, lane_values[row * ${lanes}u + l]); }
      var sum = 0.0;
      for (var p = lane; p < ${TILE}u; p += ${lanes}u) {
        let score = ${scores}[row * ${TILE}u + p];
        let weight = select(exp(score - most), 0.0, score <= -1e29);
        ${scores}[row * ${TILE}u + p] = weight;
        sum += weight;
      }
      lane_sums[lid] = sum;
    }
    workgroupBarrier();
    if (row < ${rows}u && lane == 0u) {
      let factor = exp(largest[row] - most);
      var sum = total[row] * factor;
      for (var l = 0u; l < ${lanes}u; l++) { sum += lane_sums[row * ${lanes}u + l]; }
      total[row] = sum;
      shrink[row] = factor;
      largest[row] = most;
    }
    workgroupBarrier();`;
}
