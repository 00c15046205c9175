/**
 * y = x Wᵀ for one token or a few: every weight is read once and multiplied with all of them. Threads share a row, each
 * takes every so-many-th block of 32 inputs of a few rows, and keeps what it reads of x for all these rows.
 *
 * RMSNorm in front of a product is part of it: the norm's one number is a factor of every output, so it is summed beside the
 * products and multiplied in at the end; its weights are multiplied into x on the way.
 *
 * A thread reads 16 bytes of codes, so its neighbour's 32 inputs lie 128 bytes on: read from x itself they would take a cache
 * line a thread. The workgroup copies them into its memory instead, turned so that neighbours read neighbours.
 */
import { type Binding, grid, kernel, type Kernel, PARAMS, repeat, roundUp } from './kernel.ts';
import { isQuantized, matrixBindings, type MatrixFormat, matrixReader } from './weight-reader.ts';

/** What becomes of the products. */
export type Epilogue =
  /** y = products */
  | 'store'
  /** y = y + products: the residual */
  | 'add'
  /** y = silu(products) * products of the second matrix */
  | 'swiglu';

/** A matrix-vector product. Rows of x and y start at multiples of 32 numbers, with zeros in between. */
export interface MatvecSpec {
  readonly label: string;
  /** One matrix; for `swiglu` the gate's, then the other, both of the same format. */
  readonly matrices: readonly MatrixFormat[];
  readonly epilogue: Epilogue;
  /** f32 `[rows]`. */
  readonly bias?: boolean;
  /** RMSNorm in front, its weight f32 `[cols]`. */
  readonly normEpsilon?: number;
  /** Only the tokens that go through the head, to rows of y without gaps. */
  readonly wantedOnly?: boolean;
  /** Tokens at once. */
  readonly columns: number;
  readonly rowsPerThread: number;
  readonly threadsPerRow: number;
  readonly threads: number;
  /** The size all subgroups have, or null: sums go through workgroup memory. */
  readonly subgroupSize: number | null;
}

/** Bindings, in order: the matrices', `x`, `y`, then `bias` and `gamma` where there are such, `params`. */
function bindingsOf({ matrices, bias, normEpsilon }: MatvecSpec): Binding[] {
  return [
    ...matrices.flatMap((format, i) => matrixBindings(`w${i}`, format)),
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<f32>', access: 'read_write' },
    ...(bias === true ? [{ name: 'bias', type: 'array<f32>', access: 'read' } as const] : []),
    ...(normEpsilon === undefined ? [] : [{ name: 'gamma', type: 'array<vec4<f32>>', access: 'read' } as const]),
    PARAMS,
  ];
}

/** Workgroups along x and y; along z there is one for every `columns` tokens. */
export function matvecGrid({ matrices, rowsPerThread, threadsPerRow, threads }: MatvecSpec): readonly [number, number] {
  return grid(Math.ceil((matrices[0]?.rows ?? 0) / (rowsPerThread * (threads / threadsPerRow))));
}

/** The kernel's source. Throws RangeError when the threads cannot be shared out so. */
export function matvecKernel(spec: MatvecSpec): Kernel {
  const { matrices, columns, rowsPerThread: rows, threadsPerRow: lanes, threads, normEpsilon, epilogue } = spec;
  const [format] = matrices;
  if (format === undefined || threads % lanes !== 0 || (lanes & (lanes - 1)) !== 0) {
    throw new RangeError(`${threads} threads cannot be ${lanes} a row`);
  }
  const norm = normEpsilon !== undefined;
  const useSubgroups = spec.subgroupSize === lanes && lanes > 1;
  const blocks = Math.ceil(format.cols / 32);
  const sums = matrices.length * rows * columns;
  const values = sums + (norm ? columns : 0);
  const sum = (m: number, r: number, c: number): string => `s${(m * rows + r) * columns + c}`;
  const square = (c: number): string => `s${sums + c}`;
  const yStride = spec.wantedOnly === true ? format.rows : roundUp(format.rows, 32);

  const each = (line: (m: number, r: number) => string): string =>
    repeat(matrices.length, (m) => repeat(rows, (r) => line(m, r)));
  const stageRow = lanes + 1; // so that what a thread writes lies in other banks than its neighbours'
  const stageColumn = 8 * stageRow;
  const ofColumn = (c: number): string => `
    {
${repeat(8, (i) => `      let v${i} = stage[${c * stageColumn + i * stageRow}u + lane];`)}
${each(
  (m, r) => `      {
        var t = m${m}_${r}[0] * v0;
        ${repeat(7, (i) => `t = fma(m${m}_${r}[${i + 1}], v${i + 1}, t);`)}
        ${sum(m, r, c)} += f${m}_${r} * (t.x + t.y + t.z + t.w);
      }`,
)}
    }`;
  const stageOne = (c: number): string => `
      {
        let raw = select(vec4<f32>(), x[x${c} + source], inside);
        stage[${c * stageColumn}u + to] = raw * scale;
        ${norm ? `q${c} += dot(raw, raw);` : ''}
      }`;

  const reduce = useSubgroups
    ? repeat(values, (i) => `  s${i} = subgroupAdd(s${i});`)
    : `${repeat(values, (i) => `  shared_sums[${i * threads}u + lid] = s${i};`)}
  workgroupBarrier();
  for (var half = ${lanes / 2}u; half > 0u; half >>= 1u) {
    if (lane < half) {
${repeat(values, (i) => `      shared_sums[${i * threads}u + lid] += shared_sums[${i * threads}u + lid + half];`)}
    }
    workgroupBarrier();
  }
${repeat(values, (i) => `  s${i} = shared_sums[${i * threads}u + lid];`)}`;

  // Each thread has squares of what it copied: those of all threads, shared out again among a row's.
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

  const body = `
${matrices.map((one, m) => matrixReader(`w${m}`, one)).join('\n')}
var<workgroup> stage: array<vec4<f32>, ${columns * stageColumn}>;
${norm ? `var<workgroup> all_squares: array<f32, ${columns * threads}>;` : ''}
${useSubgroups ? '' : `var<workgroup> shared_sums: array<f32, ${values * threads}>;`}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let lane = lid % ${lanes}u;
  let row = ((wg.x + wg.y * ${matvecGrid(spec)[0]}u) * ${threads / lanes}u + lid / ${lanes}u) * ${rows}u;
  let c0 = wg.z * ${columns}u;
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
${repeat(columns, (c) => `  let x${c} = (${spec.wantedOnly === true ? 'params.first + ' : ''}min(c0 + ${c}u, count - 1u)) * ${blocks * 8}u;`)}
${repeat(rows, (r) => `  let row${r} = min(row + ${r}u, ${format.rows - 1}u);`)}
${repeat(values, (i) => `  var s${i} = 0.0;`)}
${norm ? repeat(columns, (c) => `  var q${c} = 0.0;`) : ''}
  for (var base = 0u; base < ${blocks}u; base += ${lanes}u) {
    let block = min(base + lane, ${blocks - 1}u); // beyond the end: times zeros
${each((m, r) => `    let m${m}_${r} = w${m}_block(row${r}, block); let f${m}_${r} = w${m}_scale(row${r}, block);`)}
    workgroupBarrier();
    for (var i = lid; i < ${lanes * 8}u; i += ${threads}u) {
      let inside = base * 8u + i < ${blocks * 8}u;
      let source = min(base * 8u + i, ${blocks * 8 - 1}u);
      let to = (i % 8u) * ${stageRow}u + i / 8u;
      let scale = w0_PLACES${norm ? ' * gamma[source]' : ''};
${repeat(columns, stageOne)}
    }
    workgroupBarrier();
${repeat(columns, ofColumn)}
  }
${norm ? squares : ''}
${reduce}
  if (lane == 0u) {
${repeat(rows, (r) => repeat(columns, (c) => store(r, c)))}
  }
}`;
  return kernel(spec.label, bindingsOf(spec), body, useSubgroups ? 'enable subgroups;' : '');
}

/** Bytes of workgroup memory. */
export function matvecBytes(spec: Omit<MatvecSpec, 'label' | 'epilogue'>): number {
  const { matrices, columns, rowsPerThread, threadsPerRow, threads, subgroupSize } = spec;
  const stage = columns * 8 * (threadsPerRow + 1) * 16;
  const sums = subgroupSize === threadsPerRow ? 0 : matrices.length * rowsPerThread * columns + columns;
  return stage + (sums + columns) * threads * 4;
}

/** Bytes a product of one token reads: the matrices. */
export function matrixBytes(format: MatrixFormat): number {
  const floats = format.floats === 'f16' ? 2 : 4;
  const elements = format.rows * format.cols;
  if (!isQuantized(format)) return elements * floats;
  return elements / (format.kind === 'q4' ? 2 : 1) + (elements / 32) * floats;
}

/** A number as WGSL spells an f32. */
function floatLiteral(value: number): string {
  return `${value.toExponential()}f`;
}
