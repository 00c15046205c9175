/**
 * Y = X Wᵀ for many tokens, in tiles: a workgroup unpacks a tile of weights and copies one of X into workgroup memory, and
 * each thread makes a rectangle of outputs from there, summing in f32. What the next step needs of device memory is read into
 * registers before this step computes. On matrix units: tensor-matmul.ts.
 */
import { GELU } from './gelu.ts';
import { addDot, type Binding, grid, kernel, type Kernel, PARAMS, repeat, roundUp } from '../gpu/kernel.ts';
import { paddedTokens, partOf, sumsStride } from './partial-sums.ts';
import { matrixBindings, type MatrixFormat, eightReader } from '../weights/weight-reader.ts';

/** A tiled product. Rows of x and y start at multiples of 32 numbers, with zeros in between. */
export interface MatmulSpec {
  readonly label: string;
  readonly matrix: MatrixFormat;
  /** What becomes of the products, the bias added. `gate`: y = silu(y) * products, y holding the gate's; `gelu`: y = gelu(products). */
  readonly epilogue: 'store' | 'add' | 'gate' | 'gelu';
  readonly bias?: boolean;
  /** Only the tokens that go through the head, to rows of y without gaps. */
  readonly wantedOnly?: boolean;
}

/** How a workgroup's outputs are shared out. */
export interface Tile {
  /** Outputs of a workgroup: tokens and rows of the matrix. */
  readonly tokens: number;
  readonly rows: number;
  /** Outputs of a thread along both. */
  readonly tokensPerThread: number;
  readonly rowsPerThread: number;
  /** Inputs of a step, in vec4s: 4 or 8, half a block or a whole one. */
  readonly depth: 4 | 8;
}

/** vec4s between rows of a tile: one more than a step's, so that neighbouring rows lie in other banks. */
function strideOf({ depth }: Tile): number {
  return depth + 1;
}

/** Bytes of workgroup memory that a tile takes. */
export function tileBytes(tile: Tile): number {
  return (tile.tokens + tile.rows) * strideOf(tile) * 16;
}

/** Workgroups for so many tokens: tokens along x, so that those which read the same weights run together; outputs along y and z. */
export function matmulGrid(
  { matrix }: MatmulSpec,
  tile: Pick<Tile, 'tokens' | 'rows'>,
  tokens: number,
): readonly [number, number, number] {
  const [y, z] = grid(Math.ceil(matrix.rows / tile.rows));
  return [Math.ceil(tokens / tile.tokens), y, z];
}

/**
 * What becomes of a product, as WGSL: where y keeps it, the product, and the matrix's row it belongs to. `largest`: of what two
 * products are multiplied to, which is where a model's outliers are, nothing beyond this is kept.
 */
export function epilogueOf(
  { epilogue, bias }: MatmulSpec,
  largest?: number,
): {
  /** Functions it needs. */
  readonly functions: string;
  write(at: string, product: string, row: string, before?: string): string;
  /** Whether what y held counts, which a kernel may read ahead and give as `before`. */
  readonly readsBefore: boolean;
} {
  return {
    functions: epilogue === 'gelu' ? GELU : '',
    readsBefore: epilogue === 'add' || epilogue === 'gate',
    write(at, product, row, before = at) {
      const value = bias === true ? `(${product} + bias[${row}])` : product;
      const gated = `gate / (1.0 + exp(-gate)) * ${value}`;
      return {
        store: `${at} = ${value};`,
        add: `${at} = ${before} + ${value};`,
        gate: `let gate = ${before}; ${at} = ${largest === undefined ? gated : `clamp(${gated}, -${largest}.0, ${largest}.0)`};`,
        gelu: `${at} = gelu(${value});`,
      }[epilogue];
    },
  };
}

/** Bindings in order: the matrix's, `x`, `y`, `bias` where there is one, `params`. */
export function matmulBindings({ matrix, bias }: MatmulSpec): Binding[] {
  return [
    ...matrixBindings('w', matrix, 'eight'),
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<f32>', access: 'read_write' },
    ...(bias === true ? [{ name: 'bias', type: 'array<f32>', access: 'read' } as const] : []),
    PARAMS,
  ];
}

/** What a kernel computes within the frame of {@link tiledKernel}: WGSL over its own tiles in workgroup memory. */
export interface TileProduct {
  /** Extensions it needs, functions and workgroup memory. */
  readonly enable: string;
  readonly declarations: string;
  /** Steps over the inputs. */
  readonly steps: number;
  /** Variables of a thread; `first_token`, `first_row` and `count` are known. */
  readonly variables: string;
  /** Reads what a step needs of device memory. */
  read(step: string): string;
  /** Writes what was read into the tiles. */
  readonly write: string;
  /** Adds a step's products to the sums `s{m}_{n}`, for tokens `ty + m * along` and rows `tx + n * across`. */
  readonly multiply: string;
  /** Whether runners side by side share rows of both tiles, which few bytes a runner make worth while. */
  readonly isInterleaved: boolean;
}

/** How a tile's outputs are shared out: threads along its rows, along its tokens, and all of them. */
export function threadsOf(tile: Tile): { readonly across: number; readonly along: number; readonly threads: number } {
  const across = tile.rows / tile.rowsPerThread;
  const along = tile.tokens / tile.tokensPerThread;
  return { across, along, threads: across * along };
}

/** Throws RangeError unless all of these, which a tile leads to, are whole numbers. */
export function mustBeWhole(tile: Pick<Tile, 'tokens' | 'rows'>, ...counts: readonly number[]): void {
  if (counts.every(Number.isInteger)) return;
  throw new RangeError(`a tile of ${tile.tokens} x ${tile.rows} cannot be shared out`);
}

/** WGSL of the token a thread's copy `i` of X belongs to, of so many copies a row. */
export function copiedToken(spec: MatmulSpec, thread: string, each: number): string {
  const token = `min(first_token + (${thread}) / ${each}u, count - 1u)`;
  return spec.wantedOnly === true ? `(params.first + ${token})` : token;
}

/** WGSL of something for each output of a thread. */
export function eachOutput(tile: Tile, line: (m: number, n: number) => string): string {
  return repeat(tile.tokensPerThread, (m) => repeat(tile.rowsPerThread, (n) => line(m, n)));
}

/**
 * A tiled product's frame: which outputs a workgroup and a thread have, the loop over the inputs, and what becomes of the sums.
 * Throws RangeError for a tile that cannot be shared out. `parts`: as {@link matmulKernel} has it.
 */
export function tiledKernel(spec: MatmulSpec, tile: Tile, parts: number | undefined, product: TileProduct): Kernel {
  const { matrix } = spec;
  const { across, along, threads } = threadsOf(tile);
  mustBeWhole(tile, across, along);
  const { steps, isInterleaved } = product;
  // 32 threads side by side take 8 rows and 4 tokens, so that they read as little as can be from workgroup memory.
  const compact = across % 8 === 0 && along % 4 === 0;
  const groups = across / 8;
  const runners = isInterleaved ? ['lid / 2u % 8u', 'lid % 2u + lid / 16u % 2u * 2u'] : ['lid % 8u', 'lid / 8u % 4u'];
  const yStride = spec.wantedOnly === true ? matrix.rows : roundUp(matrix.rows, 32);
  const epilogue = epilogueOf(spec);
  const sums = parts === undefined ? null : { matrix, tile: { ...tile, parts } };
  const [begin, end] = sums === null ? ['0u', `${steps}u`] : ['begin', 'end'];
  const keep = (m: number, n: number, stride: number): string =>
    `  y[(wg.z * padded + token0 + ${m * along}u) * ${stride}u + row0 + ${n * across}u] = s${m}_${n};`;
  const store = (m: number, n: number): string =>
    `  if (token0 + ${m * along}u < count && row0 + ${n * across}u < ${matrix.rows}u) {
    ${epilogue.write(`y[(token0 + ${m * along}u) * ${yStride}u + row0 + ${n * across}u]`, `s${m}_${n}`, `row0 + ${n * across}u`)}
  }`;
  const body = `
${product.declarations}
${epilogue.functions}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first_token = wg.x * ${tile.tokens}u;
  let first_row = ${sums === null ? `(wg.y + wg.z * ${grid(Math.ceil(matrix.rows / tile.rows))[0]}u)` : 'wg.y'} * ${tile.rows}u;
${sums === null ? '' : partOf(sums, steps)}
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
  let tx = ${compact ? `${runners[0]} + lid / 32u % ${groups}u * 8u` : `lid % ${across}u`};
  let ty = ${compact ? `${runners[1]} + lid / ${32 * groups}u * 4u` : `lid / ${across}u`};
${product.variables}
${eachOutput(tile, (m, n) => `  var s${m}_${n} = 0.0;`)}
${product.read(begin)}
  for (var step = ${begin}; step < ${end}; step++) {
${product.write}
    workgroupBarrier();
    if (step + 1u < ${end}) {
${product.read('(step + 1u)')}
    }
${product.multiply}
    workgroupBarrier();
  }
  let token0 = first_token + ty;
  let row0 = first_row + tx;
${sums === null ? eachOutput(tile, store) : `${paddedTokens(sums)}\n${eachOutput(tile, (m, n) => keep(m, n, sumsStride(sums)))}`}
}`;
  return kernel(spec.label, matmulBindings(spec), body, product.enable);
}

/**
 * The kernel's source. With `parts` every workgroup along z sums over a part of the inputs alone, and y has the parts' sums as
 * parts.ts describes them. Throws RangeError for a tile that cannot be shared out.
 */
export function matmulKernel(spec: MatmulSpec, tile: Tile, parts?: number): Kernel {
  const { matrix } = spec;
  const { depth } = tile;
  const blocks = Math.ceil(matrix.cols / 32);
  const { across, along, threads } = threadsOf(tile);
  const stride = strideOf(tile);
  const eights = depth / 2; // of a row of weights in a step
  const xReads = (tile.tokens * depth) / threads; // vec4s of x a thread copies for a step
  const wReads = (tile.rows * eights) / threads; // eights of weights
  mustBeWhole(tile, xReads, wReads);
  const thread = (i: number): string => `lid + ${i * threads}u`;
  // With few outputs a thread has registers left for this loop to be unrolled, which is a quarter faster then; with many it is slower.
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
  return tiledKernel(spec, tile, parts, {
    enable: '',
    declarations: `${eightReader('w', matrix)}
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
${repeat(wReads, (i) => `  let w_row${i} = min(first_row + (${thread(i)}) / ${eights}u, ${matrix.rows - 1}u);\n  var w${i}: w_Eight;`)}`,
    read: (step) => `
${repeat(xReads, (i) => `    x${i} = x[x_at${i} + ${step} * ${depth}u];`)}
${repeat(wReads, (i) =>
  depth === 8
    ? `    w${i} = w_eight(w_row${i}, ${step}, (${thread(i)}) % 4u);`
    : `    w${i} = w_eight(w_row${i}, ${step} / 2u, ${step} % 2u * 2u + (${thread(i)}) % 2u);`,
)}`,
    write: `
${repeat(xReads, (i) => `    tile_x[(${thread(i)}) / ${depth}u * ${stride}u + (${thread(i)}) % ${depth}u] = x${i};`)}
${repeat(
  wReads,
  (i) => `    {
      let eight = w_f32(w${i});
      let at = (${thread(i)}) / ${eights}u * ${stride}u + (${thread(i)}) % ${eights}u * 2u;
      tile_w[at] = eight[0];
      tile_w[at + 1u] = eight[1];
    }`,
)}`,
    multiply: isUnrolled
      ? repeat(depth, (k) => `    {\n${multiply(`${k}u`)}\n    }`)
      : `    for (var k = 0u; k < ${depth}u; k++) {\n${multiply('k')}\n    }`,
  });
}
