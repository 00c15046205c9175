/**
 * GEMM: Y = X Wᵀ in tiles. A workgroup unpacks a tile of weights and copies one of X into workgroup memory; each thread
 * computes a rectangle of outputs from there and sums in f32. A step prefetches the next step's operands from device memory
 * into registers before it computes. With subgroup matrices: gemm-subgroup-matrix.ts; in f16: gemm-f16.ts.
 */
import { GELU } from './gelu.ts';
import { addDot, type Binding, grid, kernel, type Kernel, PARAMS, repeat } from '../gpu/kernel.ts';
import { paddedTokens, splitRange, partialSumStride } from './partial-sums.ts';
import { describeFormat, matrixBindings, type MatrixFormat, vec8Reader } from '../weights/weight-reader.ts';
import { blocksOf, paddedWidth } from '../rows/row-layout.ts';

/** What a GEMM computes. Rows of x and y are padded with zeros (rows/row-layout.ts). */
export interface GemmOperation {
  readonly label: string;
  readonly matrix: MatrixFormat;
  /** The epilogue, after the bias. `swiglu`: y = silu(y) * result, where y holds the gate; `gelu`: y = gelu(result). */
  readonly epilogue: 'store' | 'add' | 'swiglu' | 'gelu';
  readonly bias?: boolean;
  /** Computes only the run's logits rows, into rows of y without padding. */
  readonly logitsRowsOnly?: boolean;
}

/** A GEMM and how its work is divided. */
export interface GemmSpec extends GemmOperation {
  readonly tile: GemmTile;
  /** Split-K: y receives the partial sums of this many splits (partial-sums.ts), and the reduction applies the epilogue. */
  readonly splits?: number;
}

/** How a workgroup's outputs are divided among its threads. */
export interface GemmTile {
  /** Outputs per workgroup: tokens and rows of the matrix. */
  readonly tokens: number;
  readonly rows: number;
  /** Outputs per thread along both. */
  readonly tokensPerThread: number;
  readonly rowsPerThread: number;
  /** Inputs per step, in vec4s: 4 or 8, half a block or a whole one. */
  readonly depth: 4 | 8;
}

/** vec4s between rows of a tile: one more than a step's, so that neighbouring rows lie in different banks. */
function strideOf({ depth }: GemmTile): number {
  return depth + 1;
}

/** Bytes of workgroup memory that a tile takes. */
export function gemmTileBytes(tile: GemmTile): number {
  return (tile.tokens + tile.rows) * strideOf(tile) * 16;
}

/** Workgroups: tokens along x, so that those which read the same weights run together; rows of the matrix along y and z. */
export function gemmGrid(
  { matrix, tile }: { readonly matrix: MatrixFormat; readonly tile: Pick<GemmTile, 'tokens' | 'rows'> },
  tokens: number,
): readonly [number, number, number] {
  const [y, z] = grid(Math.ceil(matrix.rows / tile.rows));
  return [Math.ceil(tokens / tile.tokens), y, z];
}

/** The operands of an epilogue, as WGSL. */
export interface EpilogueOperands {
  /** The element of y. */
  readonly at: string;
  readonly sum: string;
  /** The matrix row, for the bias. */
  readonly row: string;
  /** The old y, if the kernel has prefetched it; by default it is read from `at`. */
  readonly before?: string;
}

/**
 * An epilogue as WGSL. `largest` clamps the result of SwiGLU, where a model's outliers are, because the next GEMM may read it
 * as f16.
 */
export function epilogueOf(
  { epilogue, bias }: GemmOperation,
  largest?: number,
): {
  /** The functions it calls. */
  readonly functions: string;
  write(operands: EpilogueOperands): string;
  /** Whether it depends on the old y, which a kernel may prefetch and pass as `before`. */
  readonly readsBefore: boolean;
} {
  return {
    functions: epilogue === 'gelu' ? GELU : '',
    readsBefore: epilogue === 'add' || epilogue === 'swiglu',
    write({ at, sum, row, before = at }) {
      const value = bias === true ? `(${sum} + bias[${row}])` : sum;
      const swiglu = `gate / (1.0 + exp(-gate)) * ${value}`;
      return {
        store: `${at} = ${value};`,
        add: `${at} = ${before} + ${value};`,
        swiglu: `let gate = ${before}; ${at} = ${largest === undefined ? swiglu : `clamp(${swiglu}, -${largest}.0, ${largest}.0)`};`,
        gelu: `${at} = gelu(${value});`,
      }[epilogue];
    },
  };
}

/** Bindings in order: the matrix's, `x`, `y`, `bias` if there is one, `params`. */
export function gemmBindings({ matrix, bias }: GemmOperation): Binding[] {
  return [
    ...matrixBindings('w', matrix, 'vec8'),
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<f32>', access: 'read_write' },
    ...(bias === true ? [{ name: 'bias', type: 'array<f32>', access: 'read' } as const] : []),
    PARAMS,
  ];
}

/** The part of a tiled GEMM that depends on its arithmetic: WGSL over its own tiles in workgroup memory. */
export interface GemmInnerLoop {
  /** The arithmetic, for reports. */
  readonly algorithm: string;
  /** Required extensions; functions and workgroup memory. */
  readonly enable: string;
  readonly declarations: string;
  /** Steps over the inputs. */
  readonly steps: number;
  /** Variables of a thread; `first_token`, `first_row` and `count` are in scope. */
  readonly variables: string;
  /** Loads a step's operands from device memory. */
  read(step: string): string;
  /** Stores the loaded operands in the tiles. */
  readonly write: string;
  /** Adds a step's products to the sums `s{m}_{n}`, for tokens `ty + m * along` and rows `tx + n * across`. */
  readonly multiply: string;
  /** Whether neighbouring lanes share rows of both tiles, which pays off if a lane reads few bytes. */
  readonly isInterleaved: boolean;
}

/** Threads of a tile: along its rows, along its tokens, and in all. */
export function threadsOf(tile: GemmTile): {
  readonly across: number;
  readonly along: number;
  readonly threads: number;
} {
  const across = tile.rows / tile.rowsPerThread;
  const along = tile.tokens / tile.tokensPerThread;
  return { across, along, threads: across * along };
}

/** Throws RangeError unless all counts derived from a tile are whole numbers. */
export function assertWhole(tile: Pick<GemmTile, 'tokens' | 'rows'>, ...counts: readonly number[]): void {
  if (counts.every(Number.isInteger)) return;
  throw new RangeError(`a tile of ${tile.tokens} x ${tile.rows} cannot be shared out`);
}

/** WGSL of the token that a thread copies from X, with `each` threads per row of X. */
export function copiedToken(spec: GemmOperation, thread: string, each: number): string {
  const token = `min(first_token + (${thread}) / ${each}u, count - 1u)`;
  return spec.logitsRowsOnly === true ? `(params.first_logits_row + ${token})` : token;
}

/** WGSL of a line for each output of a thread. */
export function eachOutput(tile: GemmTile, line: (m: number, n: number) => string): string {
  return repeat(tile.tokensPerThread, (m) => repeat(tile.rowsPerThread, (n) => line(m, n)));
}

/**
 * The frame of a tiled GEMM: the outputs of a workgroup and a thread, the loop over the inputs, and the epilogue.
 * Throws RangeError for a tile that cannot be divided among threads.
 */
export function tiledGemm(spec: GemmSpec, loop: GemmInnerLoop): Kernel {
  const { matrix, tile, splits } = spec;
  const { across, along, threads } = threadsOf(tile);
  assertWhole(tile, across, along);
  const { steps, isInterleaved } = loop;
  // 32 neighbouring threads take 8 rows and 4 tokens, so that they read as little as possible from workgroup memory.
  const compact = across % 8 === 0 && along % 4 === 0;
  const groups = across / 8;
  const lanes = isInterleaved ? ['lid / 2u % 8u', 'lid % 2u + lid / 16u % 2u * 2u'] : ['lid % 8u', 'lid / 8u % 4u'];
  const yStride = spec.logitsRowsOnly === true ? matrix.rows : paddedWidth(matrix.rows);
  const epilogue = epilogueOf(spec);
  const sums = splits === undefined ? null : { matrix, tile, splits };
  const [begin, end] = sums === null ? ['0u', `${steps}u`] : ['begin', 'end'];
  const keep = (m: number, n: number, stride: number): string =>
    `  y[(wg.z * padded + token0 + ${m * along}u) * ${stride}u + row0 + ${n * across}u] = s${m}_${n};`;
  const store = (m: number, n: number): string =>
    `  if (token0 + ${m * along}u < count && row0 + ${n * across}u < ${matrix.rows}u) {
    ${epilogue.write({ at: `y[(token0 + ${m * along}u) * ${yStride}u + row0 + ${n * across}u]`, sum: `s${m}_${n}`, row: `row0 + ${n * across}u` })}
  }`;
  const body = `
${loop.declarations}
${epilogue.functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = ${sums === null ? `(wg.y + wg.z * ${grid(Math.ceil(matrix.rows / tile.rows))[0]}u)` : 'wg.y'} * ${tile.rows}u;
${sums === null ? '' : splitRange(sums, steps)}
  let count = ${spec.logitsRowsOnly === true ? 'params.logits_rows' : 'params.tokens'};
  let tx = ${compact ? `${lanes[0]} + lid / 32u % ${groups}u * 8u` : `lid % ${across}u`};
  let ty = ${compact ? `${lanes[1]} + lid / ${32 * groups}u * 4u` : `lid / ${across}u`};
${loop.variables}
${eachOutput(tile, (m, n) => `  var s${m}_${n} = 0.0;`)}
${loop.read(begin)}
  for (var step = ${begin}; step < ${end}; step++) {
${loop.write}
    workgroupBarrier();
    if (step + 1u < ${end}) {
${loop.read('(step + 1u)')}
    }
${loop.multiply}
    workgroupBarrier();
  }
  let token0 = first_token + ty;
  let row0 = first_row + tx;
${sums === null ? eachOutput(tile, store) : `${paddedTokens(sums)}\n${eachOutput(tile, (m, n) => keep(m, n, partialSumStride(sums)))}`}
}`;
  return kernel({
    label: spec.label,
    bindings: gemmBindings(spec),
    body,
    enable: loop.enable,
    choice: {
      algorithm: loop.algorithm,
      format: describeFormat(matrix),
      tile: { ...tile },
      ...(splits === undefined ? {} : { splits }),
    },
  });
}

/** The kernel in f32. Throws RangeError for a tile that cannot be divided among threads. */
export function gemmKernel(spec: GemmSpec): Kernel {
  const { matrix, tile } = spec;
  const { depth } = tile;
  const blocks = blocksOf(matrix.cols);
  const { across, along, threads } = threadsOf(tile);
  const stride = strideOf(tile);
  const vec8s = depth / 2; // of a row of weights in a step
  const xReads = (tile.tokens * depth) / threads; // vec4s of x that a thread copies per step
  const wReads = (tile.rows * vec8s) / threads; // vec8s of weights
  assertWhole(tile, xReads, wReads);
  const thread = (i: number): string => `lid + ${i * threads}u`;
  // A thread with few outputs has registers left to unroll this loop, which is a quarter faster; with many outputs it is slower.
  const isUnrolled = tile.tokensPerThread * tile.rowsPerThread <= 32;
  const multiply = (k: string): string => `
${repeat(tile.tokensPerThread, (m) => `      let a${m} = tile_x[(ty + ${m * along}u) * ${stride}u + ${k}];`)}
${repeat(
  tile.rowsPerThread,
  (n) => `      {
        let b = tile_w[(tx + ${n * across}u) * ${stride}u + ${k}];
${repeat(tile.tokensPerThread, (m) => `        ${addDot(`s${m}_${n}`, `a${m}`, 'b')}`)}
      }`,
)}`;
  return tiledGemm(spec, {
    algorithm: 'GEMM, f32',
    enable: '',
    declarations: `${vec8Reader('w', matrix)}
var<workgroup> tile_x: array<vec4<f32>, ${tile.tokens * stride}>;
var<workgroup> tile_w: array<vec4<f32>, ${tile.rows * stride}>;`,
    steps: (blocks * 8) / depth,
    isInterleaved: false,
    variables: `
${repeat(
  xReads,
  (i) => `  let x_at${i} = ${copiedToken(spec, thread(i), depth)} * ${blocks * 8}u + (${thread(i)}) % ${depth}u;
  var x${i}: vec4<f32>;`,
)}
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + (${thread(i)}) / ${vec8s}u, ${matrix.rows - 1}u);\n  var w${i}: w_Vec8;`)}`,
    read: (step) => `
${repeat(xReads, (i) => `    x${i} = x[x_at${i} + ${step} * ${depth}u];`)}
${repeat(wReads, (i) =>
  depth === 8
    ? `    w${i} = w_vec8(w_row${i}, ${step}, (${thread(i)}) % 4u);`
    : `    w${i} = w_vec8(w_row${i}, ${step} / 2u, ${step} % 2u * 2u + (${thread(i)}) % 2u);`,
)}`,
    write: `
${repeat(xReads, (i) => `    tile_x[(${thread(i)}) / ${depth}u * ${stride}u + (${thread(i)}) % ${depth}u] = x${i};`)}
${repeat(
  wReads,
  (i) => `    {
      let eight = w_f32(w${i});
      let at = (${thread(i)}) / ${vec8s}u * ${stride}u + (${thread(i)}) % ${vec8s}u * 2u;
      tile_w[at] = eight[0];
      tile_w[at + 1u] = eight[1];
    }`,
)}`,
    multiply: isUnrolled
      ? repeat(depth, (k) => `    {\n${multiply(`${k}u`)}\n    }`)
      : `    for (var k = 0u; k < ${depth}u; k++) {\n${multiply('k')}\n    }`,
  });
}
