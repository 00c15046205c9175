/**
 * What puts the parts of products together (split-k.ts), and does what stands between one product and the next: the bias, the
 * gate, the residual stream and RMSNorm. Rows that a product on matrix units reads next are f16, packed as its matrix wants them,
 * all others f32.
 */
import { type Binding, kernel, type Kernel, PARAMS, repeat, type RowKernel } from '../gpu/kernel.ts';
import { paddedTokens, type SplitSums, sumsStride } from './partial-sums.ts';
import { NORM_THREADS, sumOverThreads } from '../rows/text-rows.ts';
import { LARGEST_F16 } from './gemm-subgroup-matrix.ts';
import { halvesPacker, type MatrixFormat } from '../weights/weight-reader.ts';

/** Threads of a workgroup where each makes its own numbers. */
const THREADS = 64;
/** The matrix whose product reads on matrix units what is written; null: in f32. */
type Next = MatrixFormat | null;

/** WGSL of what is written: the buffer's type, functions, and two vec4s to the place of an eight. */
function writing(next: Next): {
  readonly type: string;
  readonly functions: string;
  write(eight: string, low: string, high: string): string;
} {
  if (next !== null) {
    return {
      type: 'array<vec4<u32>>',
      functions: halvesPacker('halves', next),
      write: (eight, low, high) => `y[${eight}] = halves(${low}, ${high});`,
    };
  }
  return {
    type: 'array<vec4<f32>>',
    functions: '',
    write: (eight, low, high) => `y[(${eight}) * 2u] = ${low}; y[(${eight}) * 2u + 1u] = ${high};`,
  };
}

/** WGSL that adds the parts' vec4 `quad` of token `token` from the buffer `from` to the variable `to`. */
function addParts({ matrix, tile }: SplitSums, from: string, token: string, quad: string, to: string): string {
  const quads = sumsStride({ matrix, tile }) / 4;
  const part = (i: number): string => `${from}[(${i}u * padded + ${token}) * ${quads}u + ${quad}]`;
  return repeat(tile.parts, (i) => `    ${to} += ${part(i)};`);
}

/** y = sums + bias. Bindings: sums, bias, y f32 `[tokens, rows]` without padding, params. `rows` has whole vec4s. */
export function biasSumKernel(parts: SplitSums): RowKernel {
  const quads = parts.matrix.rows / 4;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${quads}u) { return; }
${paddedTokens(parts)}
  var sum = bias[id.x];
${addParts(parts, 'sums', 'id.y', 'id.x', 'sum')}
  y[id.y * ${quads}u + id.x] = sum;
}`;
  const bindings: Binding[] = [
    { name: 'sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'bias', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<vec4<f32>>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel('qkv, parts', bindings, body), groups: Math.ceil(quads / THREADS) };
}

/** y = silu(gate) * up for `next`. Bindings: the gate's sums, those of up, y `[tokens, rows]`, params. `rows` has whole eights. */
export function gatedSumKernel(parts: SplitSums, next: Next): RowKernel {
  const eights = parts.matrix.rows / 8;
  const four = (name: string, from: string, quad: string): string => `
  var ${name} = vec4<f32>();
${addParts(parts, from, 'id.y', quad, name)}`;
  const { type, functions, write } = writing(next);
  const gated = (i: number): string => {
    const value = `gate${i} / (1.0 + exp(-gate${i})) * up${i}`;
    return next === null ? value : `clamp(${value}, vec4<f32>(-${LARGEST_F16}.0), vec4<f32>(${LARGEST_F16}.0))`;
  };
  const body = `
${functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${eights}u) { return; }
${paddedTokens(parts)}
${repeat(2, (i) => four(`gate${i}`, 'gate_sums', `id.x * 2u + ${i}u`) + four(`up${i}`, 'up_sums', `id.x * 2u + ${i}u`))}
  ${write(`id.y * ${eights}u + id.x`, gated(0), gated(1))}
}`;
  const bindings: Binding[] = [
    { name: 'gate_sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'up_sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type, access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel('gate, up, parts', bindings, body), groups: Math.ceil(eights / THREADS) };
}

/**
 * hidden = hidden + sums, and y = RMSNorm(hidden) for `next`; without `parts` hidden stays as it is. Bindings: sums where there
 * are such, hidden f32 `[tokens, cols]`, gamma f32, y, params. `cols` has whole eights. Workgroups: tokens.
 */
export function normSumKernel(parts: SplitSums | null, cols: number, epsilon: number, next: Next): Kernel {
  const eights = cols / 8;
  const { type, functions, write } = writing(next);
  const each = (line: (i: number, quad: string) => string): string =>
    repeat(Math.ceil(eights / NORM_THREADS), (i) => {
      const eight = `(lid + ${i * NORM_THREADS}u)`;
      return `  if (${eight} < ${eights}u) {\n${repeat(2, (half) => line(2 * i + half, `${eight} * 2u + ${half}u`))}\n  }`;
    });
  const body = `
${functions}
var<workgroup> squares: array<f32, ${NORM_THREADS}>;
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first = wg.x * ${cols / 4}u;
${parts === null ? '' : paddedTokens(parts)}
  var square = 0.0;
${repeat(2 * Math.ceil(eights / NORM_THREADS), (i) => `  var v${i} = vec4<f32>();`)}
${each(
  (i, quad) => `    v${i} = hidden[first + ${quad}];
${parts === null ? '' : `${addParts(parts, 'sums', 'wg.x', quad, `v${i}`)}\n    hidden[first + ${quad}] = v${i};`}
    square += dot(v${i}, v${i});`,
)}
  squares[lid] = square;
${sumOverThreads('squares', NORM_THREADS)}
  let factor = inverseSqrt(squares[0] / ${cols}.0 + ${epsilon.toExponential()}f);
${each((i, quad) =>
  i % 2 === 0
    ? `    v${i} *= factor * gamma[${quad}];`
    : `    v${i} *= factor * gamma[${quad}];
    ${write(`(first + ${quad}) / 2u`, `v${i - 1}`, `v${i}`)}`,
)}
}`;
  const bindings: Binding[] = [
    ...(parts === null ? [] : [{ name: 'sums', type: 'array<vec4<f32>>', access: 'read' } as const]),
    { name: 'hidden', type: 'array<vec4<f32>>', access: parts === null ? 'read' : 'read_write' },
    { name: 'gamma', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type, access: 'read_write' },
    PARAMS,
  ];
  return kernel('norm, parts', bindings, body);
}
