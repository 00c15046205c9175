/**
 * Attention of a decode step: one new token over its part of the cache. A workgroup takes the query heads of one key/value
 * head; it puts the new token's key and value into the cache on the way, reads every key and value once, and has all of a
 * tile's loads on their way before it needs the first. Parts are put together by `combineKernel`.
 * Source: Dao et al., Flash-Decoding for long-context inference (2023).
 */
import {
  type AttentionSpec,
  CACHE_TYPE,
  NEVER,
  QKV,
  RESULTS,
  rotation,
  runningSoftmax,
  THREADS,
  TILE,
  writeResult,
} from './attention.ts';
import { packing } from './cache-format.ts';
import { type Binding, kernel, type Kernel, PARAMS, repeat, roundUp } from './kernel.ts';

/** Values a thread has on their way at once. */
const IN_FLIGHT = 4;

/** How threads share a tile. */
function sharesOf({ numHeads, numKvHeads, headDim }: AttentionSpec): {
  /** Query heads of a key/value head. */
  readonly rows: number;
  /** vec4s of a head. */
  readonly quads: number;
  /** Groups of `quads` threads, and the tokens of a tile each sums. */
  readonly groups: number;
  readonly perGroup: number;
  /** Threads of a row's softmax: a power of two. */
  readonly lanes: number;
} {
  const rows = numHeads / numKvHeads;
  const quads = headDim / 4;
  if (rows > THREADS || quads > THREADS) throw new RangeError(`${rows} heads of ${headDim} are too many for a step`);
  const perGroup = roundUp(Math.ceil(TILE / Math.floor(THREADS / quads)), IN_FLIGHT);
  const groups = Math.ceil(TILE / perGroup);
  return { rows, quads, groups, perGroup, lanes: Math.min(TILE, 2 ** Math.floor(Math.log2(THREADS / rows))) };
}

/**
 * The kernel. Bindings: qkv, cos_rows, sin_rows, keys, values, output, partials, params, as `attentionKernel`'s.
 * Workgroups: 1, kv heads, parts.
 */
export function stepAttentionKernel(spec: AttentionSpec): Kernel {
  const { numHeads, headDim, stored } = spec;
  const { rows, quads, groups, perGroup, lanes } = sharesOf(spec);
  const eights = headDim / 16; // of half a head
  const even = groups * perGroup === TILE;
  // Sums of the groups: the upper half hands its own to the lower, until one is left.
  const folds: string[] = [];
  for (let left = groups; left > 1; left = Math.ceil(left / 2)) {
    const kept = Math.ceil(left / 2);
    folds.push(`
  if (group >= ${kept}u && group < ${left}u) {
${repeat(rows, (r) => `    pool[((group - ${kept}u) * ${rows}u + ${r}u) * ${quads}u + quad] = sum${r};`)}
  }
  workgroupBarrier();
  if (group < ${left - kept}u) {
${repeat(rows, (r) => `    sum${r} += pool[(group * ${rows}u + ${r}u) * ${quads}u + quad];`)}
  }
  workgroupBarrier();`);
  }
  const finish = `scores[at] = select(${NEVER}, scores[at] + scores[at + ${rows * TILE}u], tile + p < end);`;
  const body = `
${packing(stored)}
${rotation(spec)}
var<workgroup> pool: array<vec4<f32>, ${rows * quads * Math.max(1, Math.floor(groups / 2))}>; // queries, then sums
var<workgroup> scores: array<f32, ${2 * rows * TILE}>; // of both halves of a head, then weights
var<workgroup> lane_values: array<f32, ${rows * lanes}>;
var<workgroup> lane_sums: array<f32, ${rows * lanes}>;
var<workgroup> largest: array<f32, ${rows}>;
var<workgroup> total: array<f32, ${rows}>;
var<workgroup> shrink: array<f32, ${rows}>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let head = wg.y;
  let begin = wg.z * params.chunk;
  let end = min(begin + params.chunk, params.past + 1u);
  let cached = head * params.capacity;
  for (var i = lid; i < ${rows * (quads / 2)}u; i += ${THREADS}u) {
    let row = i / ${quads / 2}u;
    let j = i % ${quads / 2}u;
    let q = rotated(0u, head * ${rows}u + row, j);
    pool[row * ${quads}u + j] = q[0] * ${1 / Math.sqrt(headDim)}f;
    pool[row * ${quads}u + j + ${quads / 2}u] = q[1] * ${1 / Math.sqrt(headDim)}f;
  }
  if (lid < ${rows}u) { largest[lid] = ${NEVER}; total[lid] = 0.0; }
  // The new token's key and value: one workgroup writes them, and is the only one to read them.
  if (params.past >= begin && params.past < end) {
    if (lid < ${eights}u) {
      let a = rotated(0u, ${numHeads}u + head, lid * 2u);
      let b = rotated(0u, ${numHeads}u + head, lid * 2u + 1u);
      let to = (cached + params.past) * ${2 * eights}u + lid;
      keys[to] = pack8(a[0], b[0]);
      keys[to + ${eights}u] = pack8(a[1], b[1]);
    }
    if (lid < ${quads}u) {
      values[(cached + params.past) * ${quads}u + lid] = pack4(qkv[(${spec.numHeads + spec.numKvHeads}u + head) * ${quads}u + lid]);
    }
  }
  let quad = lid % ${quads}u;
  let group = lid / ${quads}u;
${repeat(rows, (r) => `  var sum${r} = vec4<f32>();`)}
  storageBarrier();
  workgroupBarrier();
  for (var tile = begin; tile < end; tile += ${TILE}u) {
    // 1. Scores: a thread takes half a key.
    {
      let half = lid / ${TILE}u;
      let at = (cached + min(tile + lid % ${TILE}u, end - 1u)) * ${2 * eights}u + half * ${eights}u;
${repeat(eights, (i) => `      let k${i} = keys[at + ${i}u];`)}
${repeat(rows, (r) => `      var score${r} = 0.0;`)}
      let quads0 = half * ${2 * eights}u;
${repeat(
  eights,
  (i) => `      { let k = unpack8(k${i});
${repeat(
  rows,
  (r) =>
    `        score${r} += dot(pool[quads0 + ${r * quads + 2 * i}u], k[0]) + dot(pool[quads0 + ${r * quads + 2 * i + 1}u], k[1]);`,
)} }`,
)}
${repeat(rows, (r) => `      scores[(half * ${rows}u + ${r}u) * ${TILE}u + lid % ${TILE}u] = score${r};`)}
    }
    workgroupBarrier();
    // 2. Softmax so far, of the two halves' sums.
${runningSoftmax({ rows, lanes, scores: 'scores', finish })}
    // 3. Weighted sums of values: a group of threads takes some tokens.
    if (group < ${groups}u) {
${repeat(rows, (r) => `      sum${r} *= shrink[${r}];`)}
      let last = min(end - tile, (group + 1u) * ${perGroup}u);
      for (var p = group * ${perGroup}u; p < last; p += ${IN_FLIGHT}u) {
${repeat(IN_FLIGHT, (i) => `        let v${i} = values[(cached + min(tile + p + ${i}u, end - 1u)) * ${quads}u + quad];`)}
${repeat(
  IN_FLIGHT,
  (i) => `        { let v = unpack4(v${i});
${repeat(rows, (r) => {
  const weight = `scores[${r * TILE}u + ${even ? `p + ${i}u` : `min(p + ${i}u, ${TILE - 1}u)`}]`;
  return `          sum${r} = fma(vec4<f32>(${even ? weight : `select(0.0, ${weight}, p + ${i}u < ${TILE}u)`}), v, sum${r});`;
})} }`,
)}
      }
    }
    workgroupBarrier();
  }
${folds.join('\n')}
  if (group > 0u) { return; }
${repeat(
  rows,
  (r) => `  {
      ${writeResult(spec, { token: '0u', head: `(head * ${rows}u + ${r}u)`, row: `${r}` }, `sum${r}`)}
  }`,
)}
}`;
  const bindings: Binding[] = [
    ...QKV,
    { name: 'keys', type: CACHE_TYPE.eight, access: 'read_write' },
    { name: 'values', type: CACHE_TYPE.four, access: 'read_write' },
    ...RESULTS,
    PARAMS,
  ];
  return kernel('attention, step', bindings, body);
}
