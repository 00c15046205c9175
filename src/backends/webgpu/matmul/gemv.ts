/**
 * y = x Wᵀ for one token or a few: every weight is read once and multiplied with all of them. Threads share a row, each
 * takes every so-many-th block of 32 inputs of a few rows, and keeps what it reads of x for all these rows.
 *
 * What a step costs is how long it waits for memory, so a thread always has the next blocks of all its rows on their way
 * while it multiplies those that are there.
 *
 * RMSNorm in front of a product is part of it: the norm's one number is a factor of every output, so it is summed beside the
 * products and multiplied in at the end; its weights are multiplied into x on the way.
 *
 * A thread reads 16 bytes of codes, so its neighbour's 32 inputs lie 128 bytes on: read from x itself they would take a cache
 * line a thread. The workgroup copies them into its memory instead, turned so that neighbours read neighbours.
 */
import { type Binding, grid, kernel, type Kernel, PARAMS, repeat, roundUp } from '../gpu/kernel.ts';
import { isQuantized, matrixBindings, type MatrixFormat, blockReader, quad } from '../weights/weight-reader.ts';

/** What becomes of the products. */
export type Epilogue =
  /** y = products */
  | 'store'
  /** y = y + products: the residual */
  | 'add'
  /** y = silu(products) * products of the second matrix */
  | 'swiglu';

/** How the work is shared out. */
export interface MatvecShares {
  /** Tokens at once. */
  readonly columns: number;
  readonly rowsPerThread: number;
  /** Threads that share a row: a power of two. */
  readonly threadsPerRow: number;
  readonly threads: number;
  /** Blocks of each of its rows that a thread has on their way at once; as many of x lie in workgroup memory. */
  readonly blocksAhead: number;
}

/** A matrix-vector product. Rows of x and y start at multiples of 32 numbers, with zeros in between. */
export interface MatvecSpec extends MatvecShares {
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
  /** The size all subgroups have, or null: sums go through workgroup memory alone. */
  readonly subgroupSize: number | null;
}

/** Bindings, in order: the matrices', `x`, `y`, then `bias` and `gamma` where there are such, `params`. */
function bindingsOf({ matrices, bias, normEpsilon }: MatvecSpec): Binding[] {
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
export function matvecGrid({ matrices, rowsPerThread, threadsPerRow, threads }: MatvecSpec): readonly [number, number] {
  return grid(Math.ceil((matrices[0]?.rows ?? 0) / (rowsPerThread * (threads / threadsPerRow))));
}

/** The kernel's source. Throws RangeError when the threads cannot be shared out so. */
export function matvecKernel(spec: MatvecSpec): Kernel {
  const { matrices, columns, rowsPerThread: rows, threadsPerRow: runners, threads, normEpsilon, epilogue } = spec;
  const [format] = matrices;
  if (format === undefined || threads % runners !== 0 || (runners & (runners - 1)) !== 0) {
    throw new RangeError(`${threads} threads cannot be ${runners} a row`);
  }
  const norm = normEpsilon !== undefined;
  const blocks = Math.ceil(format.cols / 32);
  const ahead = blocksAheadOf(spec);
  const isOneStage = runners * ahead >= blocks;
  const sums = matrices.length * rows * columns;
  const values = sums + (norm ? columns : 0);
  const sum = (m: number, r: number, c: number): string => `s${(m * rows + r) * columns + c}`;
  const square = (c: number): string => `s${sums + c}`;
  const yStride = spec.wantedOnly === true ? format.rows : roundUp(format.rows, 32);

  const each = (line: (m: number, r: number) => string): string =>
    repeat(matrices.length, (m) => repeat(rows, (r) => line(m, r)));
  const eachSum = (line: (m: number, r: number, c: number) => string): string =>
    each((m, r) => repeat(columns, (c) => line(m, r, c)));
  // 1. Blocks on their way.
  const load = (d: number, block: string): string => `    { let block = min(${block}, ${blocks - 1}u);
${each((m, r) => `      b${m}_${r}_${d} = w${m}_block(row${r}, block); f${m}_${r}_${d} = w${m}_scale(row${r}, block);`)} }`;
  // 2. x in workgroup memory, beyond its end zeros. The extra place a row lets a thread write to other banks than its neighbours.
  const stageRow = runners + 1;
  const stageColumn = 8 * stageRow * ahead;
  const stage = (c: number): string => `
      {
        let raw = select(vec4<f32>(), x[x${c} + source], inside);
        stage[${c * stageColumn}u + to] = raw * scale;
        ${norm ? `q${c} += dot(raw, raw);` : ''}
      }`;
  // 3. A block of each row times x, once the next is on its way. Beyond the end a block is multiplied by zeros.
  const multiply = (d: number): string => `
    {
${each((m, r) => `      let c${m}_${r} = b${m}_${r}_${d}; let g${m}_${r} = f${m}_${r}_${d};`)}
${isOneStage ? '' : load(d, `base + ${(ahead + d) * runners}u + runner`)}
${eachSum((m, r, c) => `      var t${m}_${r}_${c} = vec4<f32>();`)}
${repeat(
  8,
  (i) => `      {
${repeat(columns, (c) => `        let v${c} = stage[${c * stageColumn + (8 * d + i) * stageRow}u + runner];`)}
${each(
  (m, r) => `        { let n = ${quad(`w${m}`, format, `c${m}_${r}`, i)};
${repeat(columns, (c) => `          t${m}_${r}_${c} = fma(n, v${c}, t${m}_${r}_${c});`)} }`,
)}
      }`,
)}
${eachSum((m, r, c) => `      ${sum(m, r, c)} = fma(g${m}_${r}, dot(t${m}_${r}_${c}, vec4<f32>(1.0)), ${sum(m, r, c)});`)}
    }`;

  // Each thread has squares of what it copied: those of all threads, shared out again among a row's.
  const squares = `
${repeat(columns, (c) => `  all_squares[${c * threads}u + lid] = q${c};`)}
  workgroupBarrier();
  for (var i = runner; i < ${threads}u; i += ${runners}u) {
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
  let runner = lid % ${runners}u;
  let row = ((wg.x + wg.y * ${matvecGrid(spec)[0]}u) * ${threads / runners}u + lid / ${runners}u) * ${rows}u;
  let c0 = wg.z * ${columns}u;
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
${repeat(columns, (c) => `  let x${c} = (${spec.wantedOnly === true ? 'params.first + ' : ''}min(c0 + ${c}u, count - 1u)) * ${blocks * 8}u;`)}
${repeat(rows, (r) => `  let row${r} = min(row + ${r}u, ${format.rows - 1}u);`)}
${repeat(values, (i) => `  var s${i} = 0.0;`)}
${norm ? repeat(columns, (c) => `  var q${c} = 0.0;`) : ''}
${repeat(ahead, (d) => each((m, r) => `  var b${m}_${r}_${d}: w${m}_Block; var f${m}_${r}_${d}: f32;`))}
${repeat(ahead, (d) => load(d, `${d * runners}u + runner`))}
  for (var base = 0u; base < ${blocks}u; base += ${runners * ahead}u) {
    workgroupBarrier();
    for (var i = lid; i < ${runners * ahead * 8}u; i += ${threads}u) {
      let inside = base * 8u + i < ${blocks * 8}u;
      let source = min(base * 8u + i, ${blocks * 8 - 1}u);
      let to = (i / ${runners * 8}u * 8u + i % 8u) * ${stageRow}u + i / 8u % ${runners}u;
      let scale = w0_PLACES${norm ? ' * gamma[source]' : ''};
${repeat(columns, stage)}
    }
    workgroupBarrier();
${repeat(ahead, multiply)}
  }
${norm ? squares : ''}
${reduction.code}
  if (runner == 0u) {
${repeat(rows, (r) => repeat(columns, (c) => store(r, c)))}
  }
}`;
  return kernel(spec.label, bindingsOf(spec), body, reduction.bySubgroup ? 'enable subgroups;' : '');
}

/** Sums `values` variables s0, s1, ... over the threads of a row; the row's first thread has the sums afterwards. */
function reductionOf(
  {
    subgroupSize: size,
    threadsPerRow: runners,
    threads,
  }: Pick<MatvecSpec, 'subgroupSize' | 'threadsPerRow' | 'threads'>,
  values: number,
): {
  readonly code: string;
  /** f32 numbers of workgroup memory. */ readonly memory: number;
  readonly bySubgroup: boolean;
} {
  const each = (line: (i: number) => string): string => repeat(values, line);
  if (size !== null && size % runners === 0) {
    const code =
      size === runners
        ? each((i) => `  s${i} = subgroupAdd(s${i});`)
        : repeat(Math.log2(runners), (bit) => each((i) => `  s${i} += subgroupShuffleXor(s${i}, ${2 ** bit}u);`));
    return { code, memory: 0, bySubgroup: true };
  }
  if (size !== null && size > 1 && runners % size === 0) {
    const subgroups = threads / size;
    const code = `
${each((i) => `  s${i} = subgroupAdd(s${i}); if (lid % ${size}u == 0u) { shared_sums[${i * subgroups}u + lid / ${size}u] = s${i}; }`)}
  workgroupBarrier();
${each((i) => `  s${i} = ${repeat(runners / size, (k) => `${k > 0 ? '+ ' : ''}shared_sums[${i * subgroups + k}u + lid / ${runners}u * ${runners / size}u]`)};`)}`;
    return { code, memory: values * subgroups, bySubgroup: true };
  }
  const code = `
${each((i) => `  shared_sums[${i * threads}u + lid] = s${i};`)}
  workgroupBarrier();
  for (var half = ${runners / 2}u; half > 0u; half >>= 1u) {
    if (runner < half) {
${each((i) => `      shared_sums[${i * threads}u + lid] += shared_sums[${i * threads}u + lid + half];`)}
    }
    workgroupBarrier();
  }
${each((i) => `  s${i} = shared_sums[${i * threads}u + lid];`)}`;
  return { code, memory: values * threads, bySubgroup: false };
}

/** Blocks a thread has on their way at once: no more than there are. */
function blocksAheadOf({
  matrices,
  threadsPerRow,
  blocksAhead,
}: Pick<MatvecSpec, 'matrices' | 'threadsPerRow' | 'blocksAhead'>): number {
  return Math.min(blocksAhead, Math.ceil((matrices[0]?.cols ?? 0) / 32 / threadsPerRow));
}

/** Bytes of workgroup memory. */
export function matvecBytes(spec: Omit<MatvecSpec, 'label' | 'epilogue'>): number {
  const { matrices, columns, rowsPerThread, threadsPerRow, threads, normEpsilon } = spec;
  const norm = normEpsilon !== undefined;
  const stage = columns * 8 * (threadsPerRow + 1) * blocksAheadOf(spec) * 16;
  const values = (matrices.length * rowsPerThread + (norm ? 1 : 0)) * columns;
  return stage + 4 * ((norm ? columns * threads : 0) + reductionOf(spec, values).memory);
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
