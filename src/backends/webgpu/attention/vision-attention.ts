/**
 * Attention of the vision tower, without a mask: a workgroup takes a span of queries of one head against a span of keys, a
 * tile at a time with a running softmax. One kernel serves windows (both spans are the window) and whole images.
 *
 * Each thread computes a square of scores, then a square of outputs, from tiles in workgroup memory. `rotaryKernel` has
 * already rotated and scaled queries and keys. The variant on subgroup matrices has the same spans, bindings and grid.
 * Source: Dao et al., FlashAttention (2022).
 */
import { addDot, type Binding, kernel, type Kernel, repeat, roundUp } from '../gpu/kernel.ts';
import { MASKED_SCORE } from './cache-format.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Sizes of attention. */
export interface VisionAttentionSpec {
  readonly numHeads: number;
  /** A multiple of 4. */
  readonly headDim: number;
  /** Queries of a workgroup: 16, 32 or 64. */
  readonly queries: number;
  /** Keys of a tile: 16 or 32. */
  readonly keys: number;
}

/** Threads along the queries; along the keys a thread takes four. */
const SIDE = 16;
/** Keys a thread takes at once. */
const KEYS = 4;
/** Tiles from fast to small. */
const TILES = [
  { queries: 64, keys: 32 },
  { queries: 32, keys: 32 },
  { queries: 32, keys: 16 },
  { queries: 16, keys: 16 },
] as const;

/** vec4s of a row of queries or keys, and of a row of scores or values: odd, so that neighbouring rows lie in different banks. */
function rowLengths({ headDim, keys }: VisionAttentionSpec): readonly [number, number] {
  return [(headDim / 4) | 1, keys / KEYS + 1];
}

/** Rows of transposed values: one per number of the head, rounded up so that all threads do equal work. */
function valueRows({ headDim, keys }: VisionAttentionSpec): number {
  return roundUp(headDim, keys / KEYS);
}

/** vec4s of queries, of keys or values, and of scores in workgroup memory. */
function tileLengths(spec: VisionAttentionSpec): readonly [number, number, number] {
  const [long, short] = rowLengths(spec);
  return [spec.queries * long, Math.max(spec.keys * long, valueRows(spec) * short), spec.queries * short];
}

/** Bytes of workgroup memory. */
export function visionAttentionBytes(spec: VisionAttentionSpec): number {
  const [queries, keys, scores] = tileLengths(spec);
  return 16 * (queries + keys + scores) + 4 * (spec.queries + SIDE * (spec.keys / KEYS));
}

/** The fastest tiles of at most so many queries that fit into a device's workgroup memory; the smallest if none fit. */
export function visionAttentionSpec(
  { numHeads, headDim }: Pick<VisionAttentionSpec, 'numHeads' | 'headDim'>,
  mostQueries: number,
  workgroupBytes: number,
): VisionAttentionSpec {
  const specs = TILES.map((tile) => ({ numHeads, headDim, ...tile }));
  const fits = (spec: VisionAttentionSpec): boolean =>
    spec.queries <= mostQueries && visionAttentionBytes(spec) <= workgroupBytes;
  return specs.find(fits) ?? { numHeads, headDim, ...TILES[3] };
}

/**
 * Attention. Bindings: qkv f32 `[patches, 3 hidden]`, spans u32 `[n, 4]` (first query, end, first key, end; at most
 * `queries` of them), output f32 `[patches, hidden]`. Workgroups: spans, heads.
 */
export function visionAttentionKernel(spec: VisionAttentionSpec): Kernel {
  const { numHeads, headDim, queries, keys } = spec;
  const hidden = numHeads * headDim;
  const quads = headDim / 4;
  const stride = paddedWidth(3 * hidden) / 4;
  const across = keys / KEYS; // threads along the keys, and vec4s of a row of scores
  const threads = SIDE * across;
  const rows = queries / SIDE; // of a thread
  const dims = valueRows(spec) / across; // of a thread
  const lanes = threads / queries; // threads of a row's softmax
  const [long, short] = rowLengths(spec);
  const [queryLength, keyLength, scoreLength] = tileLengths(spec);
  const scores = (line: (m: number, n: number) => string): string =>
    repeat(rows, (m) => repeat(KEYS, (n) => line(m, n)));
  const outputs = (line: (m: number, j: number) => string): string =>
    repeat(rows, (m) => repeat(dims, (j) => line(m, j)));

  const body = `
var<workgroup> query_tile: array<vec4<f32>, ${queryLength}>;
var<workgroup> key_tile: array<vec4<f32>, ${keyLength}>; // then the transposed values
var<workgroup> weights: array<vec4<f32>, ${scoreLength}>;
var<workgroup> shrink: array<f32, ${queries}>;
var<workgroup> lane_sums: array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let span = spans[wg.x];
  let first = wg.y * ${quads}u; // of the head, in a row
  let tx = lid % ${across}u;
  let ty = lid / ${across}u;
  let row = lid / ${lanes}u;
  let lane = lid % ${lanes}u;
  for (var i = lid; i < ${queries * quads}u; i += ${threads}u) {
    let at = min(span.x + i / ${quads}u, span.y - 1u) * ${stride}u + first + i % ${quads}u;
    query_tile[(i / ${quads}u) * ${long}u + i % ${quads}u] = qkv[at];
  }
${outputs((m, j) => `  var o${m}_${j} = 0.0;`)}
  var most = ${MASKED_SCORE};
  var total = 0.0;
  for (var tile = span.z; tile < span.w; tile += ${keys}u) {
    // 1. Keys: the four that a thread takes lie as far apart as there are threads.
    for (var i = lid; i < ${keys * quads}u; i += ${threads}u) {
      let k = i / ${quads}u;
      let at = min(tile + k, span.w - 1u) * ${stride}u + ${hidden / 4}u + first + i % ${quads}u;
      key_tile[((k % ${KEYS}u) * ${across}u + k / ${KEYS}u) * ${long}u + i % ${quads}u] = qkv[at];
    }
    workgroupBarrier();
    // 2. Scores.
${scores((m, n) => `    var s${m}_${n} = 0.0;`)}
    for (var d = 0u; d < ${quads}u; d++) {
${repeat(rows, (m) => `      let a${m} = query_tile[(ty + ${m * SIDE}u) * ${long}u + d];`)}
${repeat(KEYS, (n) => `      let b${n} = key_tile[(tx + ${n * across}u) * ${long}u + d];`)}
${scores((m, n) => `      ${addDot(`s${m}_${n}`, `a${m}`, `b${n}`)}`)}
    }
    let inside = vec4<u32>(tile + tx * ${KEYS}u) + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(span.w);
${repeat(
  rows,
  (m) => `    weights[(ty + ${m * SIDE}u) * ${short}u + tx] =
      select(vec4<f32>(${MASKED_SCORE}), vec4<f32>(s${m}_0, s${m}_1, s${m}_2, s${m}_3), inside);`,
)}
    workgroupBarrier();
    // 3. The running maximum of a row; values, transposed so that a thread reads those of four keys at once.
    var largest = vec4<f32>(most);
    for (var p = 0u; p < ${across}u; p++) { largest = max(largest, weights[row * ${short}u + p]); }
    let peak = max(max(largest.x, largest.y), max(largest.z, largest.w));
    for (var i = lid; i < ${across * quads}u; i += ${threads}u) {
      let quad = i % ${quads}u;
      let four = i / ${quads}u;
${repeat(
  4,
  (r) =>
    `      let v${r} = qkv[min(tile + four * 4u + ${r}u, span.w - 1u) * ${stride}u + ${hidden / 2}u + first + quad];`,
)}
${repeat(
  4,
  (c) =>
    `      key_tile[(quad + ${c * quads}u) * ${short}u + four] = vec4<f32>(v0[${c}], v1[${c}], v2[${c}], v3[${c}]);`,
)}
    }
    workgroupBarrier();
    // 4. Running softmax.
    let factor = exp2(most - peak);
    total *= factor;
    most = peak;
    for (var p = lane; p < ${across}u; p += ${lanes}u) {
      let weight = exp2(weights[row * ${short}u + p] - peak);
      weights[row * ${short}u + p] = weight;
      total += weight.x + weight.y + weight.z + weight.w;
    }
    if (lane == 0u) { shrink[row] = factor; }
    workgroupBarrier();
    // 5. Weighted sums of values.
${repeat(rows, (m) => `    { let f = shrink[ty + ${m * SIDE}u]; ${repeat(dims, (j) => `o${m}_${j} *= f;`)} }`)}
    for (var p = 0u; p < ${across}u; p++) {
${repeat(rows, (m) => `      let a${m} = weights[(ty + ${m * SIDE}u) * ${short}u + p];`)}
${repeat(dims, (j) => `      let b${j} = key_tile[(tx + ${j * across}u) * ${short}u + p];`)}
${outputs((m, j) => `      ${addDot(`o${m}_${j}`, `a${m}`, `b${j}`)}`)}
    }
    workgroupBarrier();
  }
  lane_sums[lid] = total;
  workgroupBarrier();
${repeat(
  rows,
  (m) => `  if (span.x + ty + ${m * SIDE}u < span.y) {
    let q = ty + ${m * SIDE}u;
    var sum = 0.0;
    for (var l = 0u; l < ${lanes}u; l++) { sum += lane_sums[q * ${lanes}u + l]; }
    let at = (span.x + q) * ${paddedWidth(hidden)}u + wg.y * ${headDim}u;
${repeat(
  dims,
  (j) => `    {
      let r = tx + ${j * across}u;
      if (r < ${headDim}u) { output[at + (r % ${quads}u) * 4u + r / ${quads}u] = o${m}_${j} / sum; }
    }`,
)}
  }`,
)}
}`;
  const bindings: Binding[] = [
    { name: 'qkv', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'spans', type: 'array<vec4<u32>>', access: 'read' },
    { name: 'output', type: 'array<f32>', access: 'read_write' },
  ];
  return kernel({
    label: 'vision attention, windows',
    bindings,
    body,
    choice: { algorithm: 'attention, spans', tile: { queries, keys } },
  });
}
