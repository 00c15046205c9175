/**
 * Attention of a decode step: one new token over a KV split of the cache. A workgroup takes the query heads of one key/value
 * head and reads every key and value once. A step is too small to keep a GPU busy, so latency decides its speed: the kernel
 * loads a tile's keys and values first, and prefetches the next tile before it uses the current one. It writes the new token's
 * key and value into the cache, and reads them from workgroup memory.
 * `kvSplitReduceKernel` reduces the splits.
 * Source: Dao et al., Flash-Decoding for long-context inference (2023).
 */
import { CACHE_TYPE, MASKED_SCORE, packing } from './cache-format.ts';
import { RESULTS, writeResult } from './kv-partials.ts';
import type { AttentionSpec } from './attention-spec.ts';
import { QKV, rotation } from './rotary.ts';
import { type Binding, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';

/** Threads of a workgroup. */
const THREADS = 256;
/** Cached tokens of a tile, from fast to small. */
const TILES = [32, 16, 8] as const;
/** Most threads that share a key. */
const KEY_THREADS = 8;

/** Sizes of a step's attention. */
export type DecodeAttentionSpec = Omit<AttentionSpec, 'tokens'>;

/** How threads share a tile. */
function sharesOf({ numHeads, numKvHeads, headDim }: DecodeAttentionSpec): {
  /** Query heads of a key/value head. */
  readonly rows: number;
  /** vec4s of a head. */
  readonly quads: number;
  /** 8-element vectors of a head. */
  readonly vec8s: number;
  /** Threads that share a key; each has `vec8s / keyThreads` of its 8-element vectors. */
  readonly keyThreads: number;
  /** Weighted sums per thread: four numbers of a head each. */
  readonly sums: number;
} {
  const rows = numHeads / numKvHeads;
  const quads = headDim / 4;
  const vec8s = headDim / 8;
  let keyThreads = Math.min(KEY_THREADS, vec8s);
  while (vec8s % keyThreads !== 0) keyThreads--;
  return { rows, quads, vec8s, keyThreads, sums: Math.ceil((rows * quads) / THREADS) };
}

/** Bytes of workgroup memory for tiles of `tile` tokens. */
function bytesOf(spec: DecodeAttentionSpec, tile: number): number {
  const { rows, vec8s, keyThreads } = sharesOf(spec);
  const element = spec.stored === 'f16' ? 2 : 4;
  return rows * spec.headDim * 4 + (tile + 2) * vec8s * 8 * element + rows * tile * (keyThreads + 3) * 4;
}

/** The largest tile that fits into a device's workgroup memory; the smallest if none fits. KV splits are multiples of it. */
export function decodeAttentionTile(spec: DecodeAttentionSpec, workgroupBytes: number): number {
  return TILES.find((tile) => bytesOf(spec, tile) <= workgroupBytes) ?? TILES[2];
}

/**
 * The kernel. Bindings: qkv, cos_rows, sin_rows, keys, values, output, partials, params, as `prefillAttentionKernel`'s.
 * Workgroups: 1, kv heads, KV splits.
 */
export function decodeAttentionKernel(spec: DecodeAttentionSpec, tile: number): Kernel {
  const { numHeads, headDim, stored } = spec;
  const { rows, quads, vec8s, keyThreads, sums } = sharesOf(spec);
  const keyReads = vec8s / keyThreads;
  const valueReads = Math.ceil((tile * vec8s) / THREADS);
  const evenValues = (tile * vec8s) % THREADS === 0;
  const scoreSums = Math.ceil((rows * tile) / THREADS); // scores a thread reduces
  const scoreStride = keyThreads + 1; // so that neighbouring threads use different banks
  const scale = `${1 / Math.sqrt(headDim)}f`;
  /** Whether thread `lid` has a value to read. */
  const hasValue = (i: number): string => (evenValues ? 'true' : `lid + ${i * THREADS}u < ${tile * vec8s}u`);
  const read = (first: string): string => `
    {
      let slot = min(${first} + lid / ${keyThreads}u, end - 1u);
${repeat(keyReads, (j) => `      k${j} = keys[(cached + slot) * ${vec8s}u + lid % ${keyThreads}u + ${j * keyThreads}u];`)}
${repeat(valueReads, (i) => `      v${i} = values[(cached + min(${first} + (lid + ${i * THREADS}u) / ${vec8s}u, end - 1u)) * ${vec8s}u + (lid + ${i * THREADS}u) % ${vec8s}u];`)}
    }`;
  const body = `
${packing(stored)}
${rotation(spec)}
var<workgroup> queries: array<vec4<f32>, ${rows * quads}>;
var<workgroup> new_key: array<Packed8, ${vec8s}>;
var<workgroup> new_value: array<Packed8, ${vec8s}>;
var<workgroup> value_tile: array<Packed4, ${tile * quads}>;
var<workgroup> partial_scores: array<f32, ${rows * tile * scoreStride}>;
var<workgroup> scores: array<vec4<f32>, ${(rows * tile) / 4}>;
var<workgroup> weights: array<vec4<f32>, ${(rows * tile) / 4}>;
fn largest(row: u32) -> f32 {
  var four = scores[row * ${tile / 4}u];
  for (var p = 1u; p < ${tile / 4}u; p++) { four = max(four, scores[row * ${tile / 4}u + p]); }
  return max(max(four.x, four.y), max(four.z, four.w));
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let head = wg.y;
  let begin = wg.z * params.chunk;
  let end = min(begin + params.chunk, params.past + 1u);
  let cached = head * params.capacity;
${repeat(keyReads, (j) => `  var k${j}: Packed8;`)}
${repeat(valueReads, (i) => `  var v${i}: Packed8;`)}
${read('begin')}
  for (var i = lid; i < ${rows * (quads / 2)}u; i += ${THREADS}u) {
    let row = i / ${quads / 2}u;
    let j = i % ${quads / 2}u;
    let q = rotated(0u, head * ${rows}u + row, j);
    queries[row * ${quads}u + j] = q[0] * ${scale};
    queries[row * ${quads}u + j + ${quads / 2}u] = q[1] * ${scale};
  }
  // The new token's key and value: the one workgroup that needs them writes them.
  if (params.past >= begin && params.past < end && lid >= ${THREADS / 2}u && lid < ${THREADS / 2 + vec8s / 2}u) {
    let j = lid - ${THREADS / 2}u;
    let a = rotated(0u, ${numHeads}u + head, j * 2u);
    let b = rotated(0u, ${numHeads}u + head, j * 2u + 1u);
    new_key[j] = pack8(a[0], b[0]);
    new_key[j + ${vec8s / 2}u] = pack8(a[1], b[1]);
    new_value[j] = value8(0u, head, j);
    new_value[j + ${vec8s / 2}u] = value8(0u, head, j + ${vec8s / 2}u);
    let to = (cached + params.past) * ${vec8s}u + j;
    keys[to] = new_key[j];
    keys[to + ${vec8s / 2}u] = new_key[j + ${vec8s / 2}u];
    values[to] = new_value[j];
    values[to + ${vec8s / 2}u] = new_value[j + ${vec8s / 2}u];
  }
${repeat(sums, (n) => `  var sum${n} = vec4<f32>(); var total${n} = 0.0; var most${n} = ${MASKED_SCORE};`)}
${repeat(scoreSums, (n) => `  var peak${n} = ${MASKED_SCORE};`)}
  workgroupBarrier();
  for (var tile = begin; tile < end; tile += ${tile}u) {
    // 1. Scores: several threads per key, each for some of its numbers. Values go into workgroup memory.
    if (lid < ${tile * keyThreads}u) {
      let part = lid % ${keyThreads}u;
      let isNew = tile + lid / ${keyThreads}u == params.past;
${repeat(rows, (r) => `      var score${r} = 0.0;`)}
${repeat(
  keyReads,
  (j) => `      {
        if (isNew) { k${j} = new_key[part + ${j * keyThreads}u]; }
        let k = unpack8(k${j});
${repeat(
  rows,
  (r) => `        { let q = ${r * quads}u + (part + ${j * keyThreads}u) * 2u;
          score${r} += dot(queries[q], k[0]) + dot(queries[q + 1u], k[1]); }`,
)}
      }`,
)}
${repeat(rows, (r) => `      partial_scores[(${r * tile}u + lid / ${keyThreads}u) * ${scoreStride}u + part] = score${r};`)}
    }
${repeat(
  valueReads,
  (i) => `    if (${hasValue(i)}) {
      let at = lid + ${i * THREADS}u;
      // Past the new token, too: an earlier prompt may have left non-finite values there, which a weight of 0 does not cancel.
      if (tile + at / ${vec8s}u >= params.past) { v${i} = new_value[at % ${vec8s}u]; }
      let fours = split8(v${i});
      value_tile[at * 2u] = fours[0];
      value_tile[at * 2u + 1u] = fours[1];
    }`,
)}
    if (tile + ${tile}u < end) {
${read(`tile + ${tile}u`)}
    }
    workgroupBarrier();
    for (var i = lid; i < ${rows * tile}u; i += ${THREADS}u) {
      let at = i * ${scoreStride}u;
      let score = ${Array.from({ length: keyThreads }, (_, p) => `partial_scores[at + ${p}u]`).join(' + ')};
      scores[i / 4u][i % 4u] = select(${MASKED_SCORE}, score, tile + i % ${tile}u < end);
    }
    workgroupBarrier();
    // 2. Weights, one per thread. This thread and those that sum the row's values know the running maximum.
${repeat(
  scoreSums,
  (n) => `    if (lid + ${n * THREADS}u < ${rows * tile}u) {
      let i = lid + ${n * THREADS}u;
      peak${n} = max(peak${n}, largest(i / ${tile}u));
      weights[i / 4u][i % 4u] = exp(scores[i / 4u][i % 4u] - peak${n});
    }`,
)}
    workgroupBarrier();
    // 3. Weighted sums: four numbers of a head per thread.
${repeat(
  sums,
  (n) => `    {
      let row = min((lid + ${n * THREADS}u) / ${quads}u, ${rows - 1}u);
      let quad = (lid + ${n * THREADS}u) % ${quads}u;
      let peak = max(most${n}, largest(row));
      let shrink = exp(most${n} - peak);
      most${n} = peak;
      sum${n} *= shrink;
      total${n} *= shrink;
      for (var p = 0u; p < ${tile / 4}u; p++) {
        let four = weights[row * ${tile / 4}u + p];
        total${n} += four.x + four.y + four.z + four.w;
${repeat(4, (c) => `        sum${n} = fma(vec4<f32>(four[${c}]), unpack4(value_tile[(p * 4u + ${c}u) * ${quads}u + quad]), sum${n});`)}
      }
    }`,
)}
    workgroupBarrier();
  }
${repeat(
  sums,
  (n) => `  if (lid + ${n * THREADS}u < ${rows * quads}u) {
    let row = (lid + ${n * THREADS}u) / ${quads}u;
    let quad = (lid + ${n * THREADS}u) % ${quads}u;
    ${writeResult(spec, { token: '0u', head: `(head * ${rows}u + row)` }, { sum: `sum${n}`, most: `most${n}`, total: `total${n}` })}
  }`,
)}
}`;
  const bindings: Binding[] = [
    ...QKV,
    { name: 'keys', type: CACHE_TYPE.packed8, access: 'read_write' },
    { name: 'values', type: CACHE_TYPE.packed8, access: 'read_write' },
    ...RESULTS,
    PARAMS,
  ];
  return kernel({
    label: 'attention, decode',
    bindings,
    body,
    choice: { algorithm: 'attention, decode', tile: { keys: tile, threads: THREADS } },
  });
}
