/** Reduces the partial results of KV splits (flash-decoding). */
import { MASKED_SCORE } from './cache-format.ts';
import { partialStride } from './kv-partials.ts';
import type { AttentionSpec } from './attention-spec.ts';
import { type Binding, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Threads of a workgroup. */
const THREADS = 128;
/** Most vec4s of a head per workgroup. */
const MOST_QUADS = 8;
/** Splits that a thread loads at once. */
const IN_FLIGHT = 4;

type KvSplitReduceSpec = Pick<AttentionSpec, 'numHeads' | 'headDim'>;

/** vec4s of a head per workgroup: a divisor of their total. */
function quadsOf({ headDim }: KvSplitReduceSpec): number {
  let quads = MOST_QUADS;
  while ((headDim / 4) % quads !== 0) quads--;
  return quads;
}

/** Workgroups: heads, tokens, shares of a head. */
export function kvSplitReduceGrid(spec: KvSplitReduceSpec, tokens: number): readonly [number, number, number] {
  return [spec.numHeads, tokens, spec.headDim / 4 / quadsOf(spec)];
}

/**
 * The kernel: neighbouring threads take four numbers of a head each, and groups of threads some splits, each with its own running
 * maximum. Bindings: partials, output, params.
 */
export function kvSplitReduceKernel(spec: KvSplitReduceSpec): Kernel {
  const { numHeads, headDim } = spec;
  const quads = quadsOf(spec);
  const groups = Math.floor(THREADS / quads);
  const all = headDim / 4;
  const body = `
var<workgroup> sums: array<vec4<f32>, ${groups * quads}>;
var<workgroup> stats: array<vec2<f32>, ${groups}>; // largest score, sum of weights
@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first = (wg.y * ${numHeads}u + wg.x) * ${partialStride(headDim)}u;
  let step = params.tokens * ${numHeads * partialStride(headDim)}u;
  let quad = wg.z * ${quads}u + lid % ${quads}u;
  let group = lid / ${quads}u;
  var sum = vec4<f32>();
  var total = 0.0;
  var most = ${MASKED_SCORE};
  if (group < ${groups}u) {
    for (var s = group; s < params.splits; s += ${groups * IN_FLIGHT}u) {
${repeat(
  IN_FLIGHT,
  (i) => `      let at${i} = first + min(s + ${i * groups}u, params.splits - 1u) * step;
      let part${i} = partials[at${i} + quad];
      let stat${i} = partials[at${i} + ${all}u];`,
)}
      let before = most;
${repeat(IN_FLIGHT, (i) => `      most = max(most, stat${i}.x);`)}
      let shrink = exp(before - most);
      sum *= shrink;
      total *= shrink;
${repeat(
  IN_FLIGHT,
  (i) => `      let factor${i} = select(0.0, exp(stat${i}.x - most), s + ${i * groups}u < params.splits);
      sum = fma(vec4<f32>(factor${i}), part${i}, sum);
      total = fma(factor${i}, stat${i}.y, total);`,
)}
    }
    sums[lid] = sum;
    if (lid % ${quads}u == 0u) { stats[group] = vec2<f32>(most, total); }
  }
  workgroupBarrier();
  if (group > 0u) { return; }
  let used = min(${groups}u, params.splits);
  for (var g = 0u; g < used; g++) { most = max(most, stats[g].x); }
  sum = vec4<f32>();
  total = 0.0;
  for (var g = 0u; g < used; g++) {
    let factor = exp(stats[g].x - most);
    sum = fma(vec4<f32>(factor), sums[g * ${quads}u + lid], sum);
    total = fma(factor, stats[g].y, total);
  }
  output[wg.y * ${paddedWidth(numHeads * headDim) / 4}u + wg.x * ${all}u + quad] = sum / total;
}`;
  const bindings: Binding[] = [
    { name: 'partials', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'output', type: 'array<vec4<f32>>', access: 'read_write' },
    PARAMS,
  ];
  return kernel({ label: 'attention, KV-split reduce', bindings, body });
}
