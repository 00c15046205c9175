/**
 * Attention of many queries with subgroup matrices: queries, keys, values and weights are f16, sums
 * f32. A workgroup takes a tile of query rows, 16 a subgroup, against tiles of keys. It makes two passes over the keys:
 * one for the largest score of each row, one for the weighted sum, because sums in fragments cannot be scaled row by row.
 *
 * A `SubgroupMatrixAttentionSource` defines where rows, keys and values lie and which keys a row sees: prefills of the language
 * model (`causalSource`) and the vision tower (`spanSource`) share the rest.
 * Source: Dao et al., FlashAttention (2022), without its running maximum; Chromium's extension as in gemm-subgroup-matrix.ts.
 */
import { CACHE_TYPE, MASKED_SCORE, packing } from './cache-format.ts';
import type { AttentionSpec } from './attention-spec.ts';
import { QKV, rotation } from './rotary.ts';
import { type Binding, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';
import { ENABLE_SUBGROUP_MATRICES, FRAGMENT, LANES } from '../matmul/gemm-subgroup-matrix.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Subgroups of a workgroup. */
const SUBGROUPS = 4;
/** Query rows of a workgroup. */
export const SUBGROUP_MATRIX_ROWS = SUBGROUPS * FRAGMENT;
/** Keys of a tile. */
const KEYS = 32;
const THREADS = SUBGROUPS * LANES;

/** The inputs and outputs of attention, as WGSL. An 8-element vector is eight f16 in a vec4 of words; scores are exponents of powers of two. */
export interface SubgroupMatrixAttentionSource {
  readonly label: string;
  /** Numbers of a head, a multiple of 16. */
  readonly headDim: number;
  readonly bindings: readonly Binding[];
  readonly functions: string;
  /** Leading statements; `wg` and `lid` are in scope. */
  readonly setup: string;
  /** Statements that fill `tile[row * stride + vec8]` with the queries of all rows. */
  fillQueries(stride: number): string;
  /** Expressions: the first key, the end of the keys, and vec8s of an existing slot. */
  readonly begin: string;
  readonly end: string;
  key(slot: string, vec8: string): string;
  value(slot: string, vec8: string): string;
  /** Condition: whether a row sees a slot before the end. */
  visible(row: string, slot: string): string;
  /** Statement that stores number `col` of a row's result, if the row exists. */
  write(row: string, col: string, value: string): string;
}

/** How fragments lie in workgroup memory. */
interface FragmentLayout {
  /** Elements from row to row. */
  readonly rowStride: number;
  readonly majorness: 'row_major' | 'col_major';
}

/** 8-element vectors from row to row of a tile: those of a head, plus one so that neighbouring rows lie in different banks. */
function strideOf(headDim: number): number {
  return headDim / 8 + 1;
}

/** f32 from row to row of scores, and 8-element vectors from row to row of weights. */
const SCORE_STRIDE = KEYS + 4;
const WEIGHT_STRIDE = KEYS / 8 + 1;

/** Whether heads of this size consist of whole fragments and fit into a device's workgroup memory. */
export function subgroupMatrixAttentionFits(headDim: number, workgroupBytes: number): boolean {
  const tile = Math.max(SUBGROUP_MATRIX_ROWS, 2 * KEYS) * strideOf(headDim);
  return (
    headDim % FRAGMENT === 0 &&
    16 * (tile + SUBGROUP_MATRIX_ROWS * (SCORE_STRIDE / 4 + WEIGHT_STRIDE)) <= workgroupBytes
  );
}

/** The kernel. Throws RangeError for heads that are not whole fragments. */
export function subgroupMatrixAttentionKernel(source: SubgroupMatrixAttentionSource): Kernel {
  const { headDim, begin, end } = source;
  if (headDim % FRAGMENT !== 0) throw new RangeError(`heads of ${headDim} are not whole fragments`);
  const vec8s = headDim / 8;
  const stride = strideOf(headDim);
  const depth = headDim / FRAGMENT; // fragments along a head
  const across = KEYS / FRAGMENT; // fragments along a tile's keys
  const valuesAt = KEYS * stride; // of the values, after the keys
  const half = KEYS / 2; // scores of a lane: two share a row
  const load = (side: 'left' | 'right', from: string, at: string, { rowStride, majorness }: FragmentLayout): string =>
    `subgroupMatrixLoad<subgroup_matrix_${side}<f16, ${FRAGMENT}, ${FRAGMENT}>, ${majorness}>(&${from}, ${at}, ${rowStride}u)`;
  const reads = Math.ceil((KEYS * vec8s) / THREADS); // vec8s of keys, and of values, a thread copies for a tile
  const even = (KEYS * vec8s) % THREADS === 0;
  const inTile = (i: number): string => (even ? '' : `if (lid + ${i * THREADS}u < ${KEYS * vec8s}u) `);
  const read = (what: 'key' | 'value', from: string): string =>
    repeat(reads, (i) => {
      const at = `(lid + ${i * THREADS}u)`;
      return `      next_${what}${i} = ${source[what](`min(${from} + ${at} / ${vec8s}u, end - 1u)`, `${at} % ${vec8s}u`)};`;
    });
  const put = (what: 'key' | 'value', to: number): string =>
    repeat(reads, (i) => {
      const at = `(lid + ${i * THREADS}u)`;
      return `    ${inTile(i)}{ tile[${to}u + ${at} / ${vec8s}u * ${stride}u + ${at} % ${vec8s}u] = next_${what}${i}; }`;
    });
  const scoring = `
    {
${repeat(across, (j) => `      var s${j} = subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>();`)}
${repeat(depth, (k) =>
  repeat(
    across,
    (j) =>
      `      s${j} = subgroupMatrixMultiplyAccumulate(q${k}, ${load('right', 'tile', `${j * FRAGMENT * stride + 2 * k}u`, { rowStride: stride, majorness: 'col_major' })}, s${j});`,
  ),
)}
${repeat(across, (j) => `      subgroupMatrixStore(&scores, row0 * ${SCORE_STRIDE}u + ${j * FRAGMENT}u, s${j}, false, ${SCORE_STRIDE}u);`)}
    }
    workgroupBarrier();`;
  /** A lane handles every other key of a tile, so that neighbouring lanes read from different banks. */
  const slotOf = (i: number): string => `first + ${2 * i}u + side`;
  const scoreOf = (i: number): string =>
    `select(${MASKED_SCORE}, scores[row * ${SCORE_STRIDE}u + ${2 * i}u + side], ${slotOf(i)} < end && ${source.visible('row', slotOf(i))})`;
  const body = `
${source.functions}
var<workgroup> tile: array<vec4<u32>, ${Math.max(SUBGROUP_MATRIX_ROWS, 2 * KEYS) * stride}>; // queries, then keys and values
var<workgroup> scores: array<f32, ${SUBGROUP_MATRIX_ROWS * SCORE_STRIDE}>; // results in the end
var<workgroup> weights: array<f16, ${SUBGROUP_MATRIX_ROWS * WEIGHT_STRIDE * 8}>;
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let row0 = lid / ${LANES}u * ${FRAGMENT}u; // of the subgroup
  let lane = lid % ${LANES}u;
  let row = row0 + lane / 2u; // of the lane; side: which half of a tile's keys it handles
  let side = lane % 2u;
${source.setup}
  let begin = ${begin};
  let end = ${end};
${source.fillQueries(stride)}
  workgroupBarrier();
${repeat(depth, (k) => `  let q${k} = ${load('left', 'tile', `row0 * ${stride}u + ${2 * k}u`, { rowStride: stride, majorness: 'row_major' })};`)}
  workgroupBarrier();
  // 1. The largest score of each row.
  var most = ${MASKED_SCORE};
${repeat(reads, (i) => `  var next_key${i}: vec4<u32>; var next_value${i}: vec4<u32>;`)}
${read('key', 'begin')}
  for (var first = begin; first < end; first += ${KEYS}u) {
${put('key', 0)}
    workgroupBarrier();
${read('key', `first + ${KEYS}u`)}
${scoring}
${repeat(half, (i) => `    most = max(most, ${scoreOf(i)});`)}
  }
  most = max(most, subgroupShuffleXor(most, 1u));
  // 2. Weighted sums.
  var total = 0.0;
${repeat(depth, (n) => `  var o${n} = subgroup_matrix_result<f32, ${FRAGMENT}, ${FRAGMENT}>();`)}
${read('key', 'begin')}
${read('value', 'begin')}
  workgroupBarrier();
  for (var first = begin; first < end; first += ${KEYS}u) {
${put('key', 0)}
${put('value', valuesAt)}
    workgroupBarrier();
${read('key', `first + ${KEYS}u`)}
${read('value', `first + ${KEYS}u`)}
${scoring}
${repeat(
  half,
  (i) => `    { let weight = exp2(${scoreOf(i)} - most);
      total += weight;
      weights[(row * ${WEIGHT_STRIDE * 8}u + ${2 * i}u + side)] = f16(weight); }`,
)}
    workgroupBarrier();
    {
${repeat(across, (k) => `      let p${k} = ${load('left', 'weights', `row0 * ${WEIGHT_STRIDE * 8}u + ${k * FRAGMENT}u`, { rowStride: WEIGHT_STRIDE * 8, majorness: 'row_major' })};`)}
${repeat(across, (k) =>
  repeat(
    depth,
    (n) =>
      `      o${n} = subgroupMatrixMultiplyAccumulate(p${k}, ${load('right', 'tile', `${valuesAt + k * FRAGMENT * stride + 2 * n}u`, { rowStride: stride, majorness: 'row_major' })}, o${n});`,
  ),
)}
    }
    workgroupBarrier();
  }
  total += subgroupShuffleXor(total, 1u);
  // 3. Results, one fragment after the other: a lane has half of a row's sixteen numbers.
${repeat(
  depth,
  (n) => `  subgroupMatrixStore(&scores, row0 * ${SCORE_STRIDE}u, o${n}, false, ${SCORE_STRIDE}u);
  workgroupBarrier();
  for (var i = 0u; i < 2u; i++) {
    let at = row * ${SCORE_STRIDE}u + side * 8u + i * 4u;
    let four = vec4<f32>(scores[at], scores[at + 1u], scores[at + 2u], scores[at + 3u]) / total;
    let col = ${n * FRAGMENT}u + side * 8u + i * 4u;
    ${source.write('row', 'col', 'four')}
  }
  workgroupBarrier();`,
)}
}`;
  return kernel({
    label: source.label,
    bindings: source.bindings,
    body,
    enable: ENABLE_SUBGROUP_MATRICES,
    choice: { algorithm: 'attention, subgroup matrices', tile: { rows: SUBGROUP_MATRIX_ROWS, keys: KEYS } },
  });
}

/** Tokens per workgroup: as many as fit with the query heads of a key/value head; 0 if none fits. */
export function causalTokens({ numHeads, numKvHeads }: Pick<AttentionSpec, 'numHeads' | 'numKvHeads'>): number {
  return Math.floor(SUBGROUP_MATRIX_ROWS / (numHeads / numKvHeads));
}

/**
 * The language model's prefill over an f16 cache: as `prefillAttentionKernel` with one KV split, same bindings. Workgroups: groups of
 * `causalTokens`, kv heads.
 */
export function causalSource(spec: Omit<AttentionSpec, 'tokens'>): SubgroupMatrixAttentionSource {
  const { numHeads, numKvHeads, headDim } = spec;
  const group = numHeads / numKvHeads;
  const tokens = causalTokens(spec);
  const vec8s = headDim / 8;
  const scale = `${Math.LOG2E / Math.sqrt(headDim)}f`;
  return {
    label: 'attention',
    headDim,
    bindings: [
      ...QKV,
      { name: 'keys', type: CACHE_TYPE.packed8, access: 'read' },
      { name: 'values', type: CACHE_TYPE.packed8, access: 'read' },
      { name: 'output', type: 'array<vec4<f32>>', access: 'read_write' },
      PARAMS,
    ],
    functions: `${packing('f16')}\n${rotation(spec)}`,
    setup: `
  let token0 = wg.x * ${tokens}u;
  let head = wg.y;
  let cached = head * params.capacity;
  let limit = params.past + token0 + row / ${group}u; // the last slot the lane's row sees`,
    begin: '0u',
    end: `params.past + min(token0 + ${tokens}u, params.tokens)`,
    fillQueries: (stride) => `
  for (var i = lid; i < ${SUBGROUP_MATRIX_ROWS * (vec8s / 2)}u; i += ${THREADS}u) {
    let r = min(i / ${vec8s / 2}u, ${tokens * group - 1}u);
    let e = i % ${vec8s / 2}u;
    let token = min(token0 + r / ${group}u, params.tokens - 1u);
    let a = rotated(token, head * ${group}u + r % ${group}u, e * 2u);
    let b = rotated(token, head * ${group}u + r % ${group}u, e * 2u + 1u);
    tile[i / ${vec8s / 2}u * ${stride}u + e] = pack8(a[0] * ${scale}, b[0] * ${scale});
    tile[i / ${vec8s / 2}u * ${stride}u + e + ${vec8s / 2}u] = pack8(a[1] * ${scale}, b[1] * ${scale});
  }`,
    key: (slot, vec8) => `keys[(cached + ${slot}) * ${vec8s}u + ${vec8}]`,
    value: (slot, vec8) => `values[(cached + ${slot}) * ${vec8s}u + ${vec8}]`,
    visible: (_row, slot) => `${slot} <= limit`,
    write: (row, col, value) => `if (${row} < ${tokens * group}u && token0 + ${row} / ${group}u < params.tokens) {
      output[(token0 + ${row} / ${group}u) * ${paddedWidth(numHeads * headDim) / 4}u + (head * ${group}u + ${row} % ${group}u) * ${headDim / 4}u + ${col} / 4u] = ${value};
    }`,
  };
}

/**
 * The vision tower: spans of at most SUBGROUP_MATRIX_ROWS queries against spans of keys. Bindings: packed f16 `[patches, 3 hidden]` as
 * `packedRotaryKernel` writes it, spans u32 `[n, 4]`, output f32 `[patches, hidden]`. Workgroups: spans, heads.
 */
export function spanSource({
  numHeads,
  headDim,
}: Pick<AttentionSpec, 'numHeads' | 'headDim'>): SubgroupMatrixAttentionSource {
  const vec8s = headDim / 8;
  const all = numHeads * vec8s; // vec8s of a row's queries
  const at = (slot: string, which: number, vec8: string): string =>
    `packed[(${slot}) * ${3 * all}u + ${which * all}u + wg.y * ${vec8s}u + ${vec8}]`;
  return {
    label: 'vision attention, windows',
    headDim,
    bindings: [
      { name: 'packed', type: 'array<vec4<u32>>', access: 'read' },
      { name: 'spans', type: 'array<vec4<u32>>', access: 'read' },
      { name: 'output', type: 'array<vec4<f32>>', access: 'read_write' },
    ],
    functions: '',
    setup: '  let span = spans[wg.x];',
    begin: 'span.z',
    end: 'span.w',
    fillQueries: (stride) => `
  for (var i = lid; i < ${SUBGROUP_MATRIX_ROWS * vec8s}u; i += ${THREADS}u) {
    tile[i / ${vec8s}u * ${stride}u + i % ${vec8s}u] = ${at(`min(span.x + i / ${vec8s}u, span.y - 1u)`, 0, `i % ${vec8s}u`)};
  }`,
    key: (slot, vec8) => at(slot, 1, vec8),
    value: (slot, vec8) => at(slot, 2, vec8),
    visible: () => 'true',
    write: (row, col, value) => `if (span.x + ${row} < span.y) {
      output[(span.x + ${row}) * ${paddedWidth(numHeads * headDim) / 4}u + wg.y * ${headDim / 4}u + ${col} / 4u] = ${value};
    }`,
  };
}
