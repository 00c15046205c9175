/**
 * GEMV, y = x Wᵀ for one token, and skinny GEMM for a few: reads every weight once and multiplies it with all tokens. Several
 * threads share a row. Each takes every n-th quantisation block of a few rows, and reuses its loads of x for all these rows.
 *
 * Memory latency dominates the cost of a step, so a thread always prefetches the next blocks of all its rows while it multiplies
 * those that have arrived.
 *
 * A preceding RMSNorm is fused: its scale is a factor of every output, so the kernel accumulates it beside the outputs and
 * multiplies it in at the end; it multiplies the norm's weights into x while copying.
 *
 * A thread reads 16 bytes of quantized values, so its neighbour's block of inputs lies 128 bytes further on: direct reads of x
 * would take one cache line each. Instead the workgroup copies x into its memory, transposed so that neighbouring threads read
 * neighbouring elements.
 */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import { type Binding, grid, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';
import {
  describeFormat,
  isQuantized,
  matrixBindings,
  type MatrixFormat,
  blockReader,
  quad,
} from '../weights/weight-reader.ts';
import { blocksOf, paddedWidth } from '../rows/row-layout.ts';

/** What the kernel does with the outputs. */
export type Epilogue =
  /** y = x Wᵀ */
  | 'store'
  /** y = y + x Wᵀ: the residual */
  | 'add'
  /** y = silu(x Wᵀ) * x Vᵀ, V being the second matrix */
  | 'swiglu';

/** How the work is divided among threads. */
export interface GemvTile {
  /** Tokens at once. */
  readonly columns: number;
  readonly rowsPerThread: number;
  /** Threads that share a row: a power of two. */
  readonly threadsPerRow: number;
  readonly threads: number;
  /** Blocks of each row that a thread prefetches; as many blocks of x lie in workgroup memory. */
  readonly blocksAhead: number;
}

/** A GEMV or skinny GEMM. Rows of x and y are padded with zeros (rows/row-layout.ts). */
export interface GemvSpec extends GemvTile {
  readonly label: string;
  /** One matrix; for `swiglu` the gate's, then the other, both of the same format. */
  readonly matrices: readonly MatrixFormat[];
  readonly epilogue: Epilogue;
  /** f32 `[rows]`. */
  readonly bias?: boolean;
  /** A preceding RMSNorm with weight f32 `[cols]`. */
  readonly normEpsilon?: number;
  /** Computes only the run's logits rows, into rows of y without padding. */
  readonly logitsRowsOnly?: boolean;
  /** The size of every subgroup; null: the reduction uses workgroup memory alone. */
  readonly subgroupSize: number | null;
}

/** Bindings in order: the matrices', `x`, `y`, `bias` and `gamma` if present, `params`. */
function bindingsOf({ matrices, bias, normEpsilon }: GemvSpec): Binding[] {
  return [
    ...matrices.flatMap((format, i) => matrixBindings(`w${i}`, format, 'block')),
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<f32>', access: 'read_write' },
    ...(bias === true ? [{ name: 'bias', type: 'array<f32>', access: 'read' } as const] : []),
    ...(normEpsilon === undefined ? [] : [{ name: 'gamma', type: 'array<vec4<f32>>', access: 'read' } as const]),
    PARAMS,
  ];
}

/** Workgroups along x and y; along z there is one for every `columns` tokens. */
export function gemvGrid({ matrices, rowsPerThread, threadsPerRow, threads }: GemvSpec): readonly [number, number] {
  return grid(Math.ceil((matrices[0]?.rows ?? 0) / (rowsPerThread * (threads / threadsPerRow))));
}

/** The kernel. Throws RangeError when the threads do not divide into rows. */
export function gemvKernel(spec: GemvSpec): Kernel {
  const { matrices, columns, rowsPerThread: rows, threadsPerRow: lanes, threads, normEpsilon, epilogue } = spec;
  const [format] = matrices;
  if (format === undefined || threads % lanes !== 0 || (lanes & (lanes - 1)) !== 0) {
    throw new RangeError(`${threads} threads cannot be ${lanes} a row`);
  }
  const norm = normEpsilon !== undefined;
  const blocks = blocksOf(format.cols);
  const ahead = blocksAheadOf(spec);
  const isOneStage = lanes * ahead >= blocks;
  const sums = matrices.length * rows * columns;
  const values = sums + (norm ? columns : 0);
  const sum = (m: number, r: number, c: number): string => `s${(m * rows + r) * columns + c}`;
  const square = (c: number): string => `s${sums + c}`;
  const yStride = spec.logitsRowsOnly === true ? format.rows : paddedWidth(format.rows);

  const each = (line: (m: number, r: number) => string): string =>
    repeat(matrices.length, (m) => repeat(rows, (r) => line(m, r)));
  const eachSum = (line: (m: number, r: number, c: number) => string): string =>
    each((m, r) => repeat(columns, (c) => line(m, r, c)));
  // 1. Prefetches blocks.
  const load = (d: number, block: string): string => `    { let block = min(${block}, ${blocks - 1}u);
${each((m, r) => `      b${m}_${r}_${d} = w${m}_block(row${r}, block); f${m}_${r}_${d} = w${m}_scale(row${r}, block);`)} }`;
  // 2. Copies x into workgroup memory, with zeros past its end. One extra element per row lets neighbouring threads write to different banks.
  const stageRow = lanes + 1;
  const stageColumn = 8 * stageRow * ahead;
  const stage = (c: number): string => `
      {
        let raw = select(vec4<f32>(), x[x${c} + source], inside);
        stage[${c * stageColumn}u + to] = raw * scale;
        ${norm ? `q${c} += dot(raw, raw);` : ''}
      }`;
  // 3. Multiplies a block of each row with x, once the next is in flight. Blocks past the end meet zeros.
  const multiply = (d: number): string => `
    {
${each((m, r) => `      let c${m}_${r} = b${m}_${r}_${d}; let g${m}_${r} = f${m}_${r}_${d};`)}
${isOneStage ? '' : load(d, `base + ${(ahead + d) * lanes}u + lane`)}
${eachSum((m, r, c) => `      var t${m}_${r}_${c} = vec4<f32>();`)}
${repeat(
  8,
  (i) => `      {
${repeat(columns, (c) => `        let v${c} = stage[${c * stageColumn + (8 * d + i) * stageRow}u + lane];`)}
${each(
  (m, r) => `        { let n = ${quad(`w${m}`, format, `c${m}_${r}`, i)};
${repeat(columns, (c) => `          t${m}_${r}_${c} = fma(n, v${c}, t${m}_${r}_${c});`)} }`,
)}
      }`,
)}
${eachSum((m, r, c) => `      ${sum(m, r, c)} = fma(g${m}_${r}, dot(t${m}_${r}_${c}, vec4<f32>(1.0)), ${sum(m, r, c)});`)}
    }`;

  // Each thread has the squares of the elements it copied; the threads of a row add up those of all threads.
  const squares = `
${repeat(columns, (c) => `  all_squares[${c * threads}u + lid] = q${c};`)}
  workgroupBarrier();
  for (var i = lane; i < ${threads}u; i += ${lanes}u) {
${repeat(columns, (c) => `    ${square(c)} += all_squares[${c * threads}u + i];`)}
  }`;
  const factor = (c: number): string =>
    norm ? ` * inverseSqrt(${square(c)} / ${format.cols}.0 + ${floatLiteral(normEpsilon)})` : '';
  const store = (r: number, c: number): string => {
    const row = `row + ${r}u`;
    const value = `${sum(0, r, c)}${factor(c)}${spec.bias === true ? ` + bias[${row}]` : ''}`;
    const at = `y[(c0 + ${c}u) * ${yStride}u + ${row}]`;
    const to = {
      store: `${at} = ${value};`,
      add: `${at} += ${value};`,
      swiglu: `let gate = ${value}; ${at} = gate / (1.0 + exp(-gate)) * (${sum(1, r, c)}${factor(c)});`,
    }[epilogue];
    return `    if (${row} < ${format.rows}u && c0 + ${c}u < count) { ${to} }`;
  };
  const reduction = reductionOf(spec, values);

  const body = `
${matrices.map((one, m) => blockReader(`w${m}`, one)).join('\n')}
var<workgroup> stage: array<vec4<f32>, ${columns * stageColumn}>;
${norm ? `var<workgroup> all_squares: array<f32, ${columns * threads}>;` : ''}
${reduction.memory > 0 ? `var<workgroup> shared_sums: array<f32, ${reduction.memory}>;` : ''}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let lane = lid % ${lanes}u;
  let row = ((wg.x + wg.y * ${gemvGrid(spec)[0]}u) * ${threads / lanes}u + lid / ${lanes}u) * ${rows}u;
  let c0 = wg.z * ${columns}u;
  let count = ${spec.logitsRowsOnly === true ? 'params.logits_rows' : 'params.tokens'};
${repeat(columns, (c) => `  let x${c} = (${spec.logitsRowsOnly === true ? 'params.first_logits_row + ' : ''}min(c0 + ${c}u, count - 1u)) * ${blocks * 8}u;`)}
${repeat(rows, (r) => `  let row${r} = min(row + ${r}u, ${format.rows - 1}u);`)}
${repeat(values, (i) => `  var s${i} = 0.0;`)}
${norm ? repeat(columns, (c) => `  var q${c} = 0.0;`) : ''}
${repeat(ahead, (d) => each((m, r) => `  var b${m}_${r}_${d}: w${m}_Block; var f${m}_${r}_${d}: f32;`))}
${repeat(ahead, (d) => load(d, `${d * lanes}u + lane`))}
  for (var base = 0u; base < ${blocks}u; base += ${lanes * ahead}u) {
    workgroupBarrier();
    for (var i = lid; i < ${lanes * ahead * 8}u; i += ${threads}u) {
      let inside = base * 8u + i < ${blocks * 8}u;
      let source = min(base * 8u + i, ${blocks * 8 - 1}u);
      let to = (i / ${lanes * 8}u * 8u + i % 8u) * ${stageRow}u + i / 8u % ${lanes}u;
      let scale = w0_PLACES${norm ? ' * gamma[source]' : ''};
${repeat(columns, stage)}
    }
    workgroupBarrier();
${repeat(ahead, multiply)}
  }
${norm ? squares : ''}
${reduction.code}
  if (lane == 0u) {
${repeat(rows, (r) => repeat(columns, (c) => store(r, c)))}
  }
}`;
  return kernel({
    label: spec.label,
    bindings: bindingsOf(spec),
    body,
    enable: reduction.bySubgroup ? 'enable subgroups;' : '',
    choice: {
      algorithm: columns === 1 ? 'GEMV' : 'skinny GEMM',
      format: describeFormat(format),
      tile: { columns, rowsPerThread: rows, threadsPerRow: lanes, threads, blocksAhead: ahead },
    },
  });
}

/** Sums `values` variables s0, s1, ... over the threads of a row; the row's first thread has the sums afterwards. */
function reductionOf(
  { subgroupSize: size, threadsPerRow: lanes, threads }: Pick<GemvSpec, 'subgroupSize' | 'threadsPerRow' | 'threads'>,
  values: number,
): {
  readonly code: string;
  /** f32 numbers of workgroup memory. */ readonly memory: number;
  readonly bySubgroup: boolean;
} {
  const each = (line: (i: number) => string): string => repeat(values, line);
  if (size !== null && size % lanes === 0) {
    const code =
      size === lanes
        ? each((i) => `  s${i} = subgroupAdd(s${i});`)
        : repeat(Math.log2(lanes), (bit) => each((i) => `  s${i} += subgroupShuffleXor(s${i}, ${2 ** bit}u);`));
    return { code, memory: 0, bySubgroup: true };
  }
  if (size !== null && size > 1 && lanes % size === 0) {
    const subgroups = threads / size;
    const code = `
${each((i) => `  s${i} = subgroupAdd(s${i}); if (lid % ${size}u == 0u) { shared_sums[${i * subgroups}u + lid / ${size}u] = s${i}; }`)}
  workgroupBarrier();
${each((i) => `  s${i} = ${repeat(lanes / size, (k) => `${k > 0 ? '+ ' : ''}shared_sums[${i * subgroups + k}u + lid / ${lanes}u * ${lanes / size}u]`)};`)}`;
    return { code, memory: values * subgroups, bySubgroup: true };
  }
  const code = `
${each((i) => `  shared_sums[${i * threads}u + lid] = s${i};`)}
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) {
${each((i) => `      shared_sums[${i * threads}u + lid] += shared_sums[${i * threads}u + lid + half];`)}
    }
    workgroupBarrier();
  }
${each((i) => `  s${i} = shared_sums[${i * threads}u + lid];`)}`;
  return { code, memory: values * threads, bySubgroup: false };
}

/** Blocks that a thread prefetches: no more than a row has. */
function blocksAheadOf({
  matrices,
  threadsPerRow,
  blocksAhead,
}: Pick<GemvSpec, 'matrices' | 'threadsPerRow' | 'blocksAhead'>): number {
  return Math.min(blocksAhead, Math.ceil(blocksOf(matrices[0]?.cols ?? 0) / threadsPerRow));
}

/** Bytes of workgroup memory. */
export function gemvBytes(spec: Omit<GemvSpec, 'label' | 'epilogue'>): number {
  const { matrices, columns, rowsPerThread, threadsPerRow, threads, normEpsilon } = spec;
  const norm = normEpsilon !== undefined;
  const stage = columns * 8 * (threadsPerRow + 1) * blocksAheadOf(spec) * 16;
  const values = (matrices.length * rowsPerThread + (norm ? 1 : 0)) * columns;
  return stage + 4 * ((norm ? columns * threads : 0) + reductionOf(spec, values).memory);
}

/** Bytes of a matrix, each of which a GEMV reads once. */
export function matrixBytes(format: MatrixFormat): number {
  const floats = format.floats === 'f16' ? 2 : 4;
  const elements = format.rows * format.cols;
  if (!isQuantized(format)) return elements * floats;
  return elements / (format.kind === 'q4' ? 2 : 1) + (elements / QUANT_BLOCK) * floats;
}

/** A number as WGSL spells an f32. */
function floatLiteral(value: number): string {
  return `${value.toExponential()}f`;
}
