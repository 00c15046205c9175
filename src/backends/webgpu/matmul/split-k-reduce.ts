/**
 * Split-K reductions: each adds up the partial sums of a GEMM (split-k.ts) and applies what precedes the next one: the bias,
 * SwiGLU, or the residual stream and RMSNorm. Rows that a split-K GEMM on subgroup matrices reads next are f16 in its matrix's
 * packing order; all others are f32.
 */
import { type Binding, kernel, type Kernel, PARAMS, repeat, type RowKernel } from '../gpu/kernel.ts';
import { f16Packer, type MatrixFormat } from '../weights/weight-reader.ts';
import { NORM_THREADS, sumOverThreads } from '../rows/text-rows.ts';
import { LARGEST_F16 } from './gemm-subgroup-matrix.ts';
import { paddedTokens, type PartialSums, partialSumStride } from './partial-sums.ts';

/** Threads of a workgroup in kernels whose threads compute separate outputs. */
const THREADS = 64;
/** The matrix whose GEMM reads the result as packed f16; null: the result is f32. */
type PackedFor = MatrixFormat | null;

/** WGSL of a result: the buffer's type, functions, and a statement that writes two vec4s as 8-element vector `vec8`. */
function resultOf(packedFor: PackedFor): {
  readonly type: string;
  readonly functions: string;
  write(vec8: string, low: string, high: string): string;
} {
  if (packedFor !== null) {
    return {
      type: 'array<vec4<u32>>',
      functions: f16Packer('pack_f16x8', packedFor),
      write: (vec8, low, high) => `y[${vec8}] = pack_f16x8(${low}, ${high});`,
    };
  }
  return {
    type: 'array<vec4<f32>>',
    functions: '',
    write: (vec8, low, high) => `y[(${vec8}) * 2u] = ${low}; y[(${vec8}) * 2u + 1u] = ${high};`,
  };
}

/** The location of a vec4 of the partial sums, and the variable to add it to, as WGSL. */
interface Addends {
  readonly from: string;
  readonly token: string;
  readonly quad: string;
  readonly to: string;
}

/** WGSL that adds the partial sums of all splits to a variable. */
function addSplits(sums: PartialSums, { from, token, quad, to }: Addends): string {
  const quads = partialSumStride(sums) / 4;
  return repeat(sums.splits, (i) => `    ${to} += ${from}[(${i}u * padded + ${token}) * ${quads}u + ${quad}];`);
}

/** y = sum + bias. Bindings: sums, bias, y f32 `[tokens, rows]` without padding, params. `rows` is a multiple of four. */
export function reduceBiasKernel(sums: PartialSums): RowKernel {
  const quads = sums.matrix.rows / 4;
  const body = `
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${quads}u) { return; }
${paddedTokens(sums)}
  var sum = bias[id.x];
${addSplits(sums, { from: 'sums', token: 'id.y', quad: 'id.x', to: 'sum' })}
  y[id.y * ${quads}u + id.x] = sum;
}`;
  const bindings: Binding[] = [
    { name: 'sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'bias', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<vec4<f32>>', access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'qkv bias, split-K reduce', bindings, body }), groups: Math.ceil(quads / THREADS) };
}

/** y = silu(gate) * up. Bindings: gate_sums, up_sums, y `[tokens, rows]`, params. `rows` is a multiple of eight. */
export function reduceSwigluKernel(sums: PartialSums, packedFor: PackedFor): RowKernel {
  const vec8s = sums.matrix.rows / 8;
  const sum4 = (name: string, from: string, quad: string): string => `
  var ${name} = vec4<f32>();
${addSplits(sums, { from, token: 'id.y', quad, to: name })}`;
  const { type, functions, write } = resultOf(packedFor);
  const swiglu = (i: number): string => {
    const value = `gate${i} / (1.0 + exp(-gate${i})) * up${i}`;
    return packedFor === null ? value : `clamp(${value}, vec4<f32>(-${LARGEST_F16}.0), vec4<f32>(${LARGEST_F16}.0))`;
  };
  const body = `
${functions}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= ${vec8s}u) { return; }
${paddedTokens(sums)}
${repeat(2, (i) => sum4(`gate${i}`, 'gate_sums', `id.x * 2u + ${i}u`) + sum4(`up${i}`, 'up_sums', `id.x * 2u + ${i}u`))}
  ${write(`id.y * ${vec8s}u + id.x`, swiglu(0), swiglu(1))}
}`;
  const bindings: Binding[] = [
    { name: 'gate_sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'up_sums', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type, access: 'read_write' },
    PARAMS,
  ];
  return { kernel: kernel({ label: 'SwiGLU, split-K reduce', bindings, body }), groups: Math.ceil(vec8s / THREADS) };
}

/** A reduction into the residual stream, and RMSNorm of it. */
export interface ReduceNormSpec {
  /** The preceding GEMM; null before the first layer, where the residual stream stays unchanged. */
  readonly sums: PartialSums | null;
  /** Width of the residual stream, a multiple of eight. */
  readonly cols: number;
  readonly epsilon: number;
  readonly packedFor: PackedFor;
}

/**
 * hidden = hidden + sum, y = RMSNorm(hidden). Bindings: sums if present, hidden f32 `[tokens, cols]`, gamma f32, y, params.
 * Workgroups: tokens.
 */
export function reduceNormKernel({ sums, cols, epsilon, packedFor }: ReduceNormSpec): Kernel {
  const vec8s = cols / 8;
  const { type, functions, write } = resultOf(packedFor);
  const each = (line: (i: number, quad: string) => string): string =>
    repeat(Math.ceil(vec8s / NORM_THREADS), (i) => {
      const vec8 = `(lid + ${i * NORM_THREADS}u)`;
      return `  if (${vec8} < ${vec8s}u) {\n${repeat(2, (half) => line(2 * i + half, `${vec8} * 2u + ${half}u`))}\n  }`;
    });
  const body = `
${functions}
var<workgroup> squares: array<f32, ${NORM_THREADS}>;
@compute @workgroup_size(${NORM_THREADS})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first = wg.x * ${cols / 4}u;
${sums === null ? '' : paddedTokens(sums)}
  var square = 0.0;
${repeat(2 * Math.ceil(vec8s / NORM_THREADS), (i) => `  var v${i} = vec4<f32>();`)}
${each(
  (i, quad) => `    v${i} = hidden[first + ${quad}];
${sums === null ? '' : `${addSplits(sums, { from: 'sums', token: 'wg.x', quad, to: `v${i}` })}\n    hidden[first + ${quad}] = v${i};`}
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
    ...(sums === null ? [] : [{ name: 'sums', type: 'array<vec4<f32>>', access: 'read' } as const]),
    { name: 'hidden', type: 'array<vec4<f32>>', access: sums === null ? 'read' : 'read_write' },
    { name: 'gamma', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type, access: 'read_write' },
    PARAMS,
  ];
  return kernel({ label: 'norm, split-K reduce', bindings, body });
}
