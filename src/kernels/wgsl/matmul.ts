/**
 * Y = X Wᵀ for many tokens, in tiles: a workgroup unpacks a tile of weights and copies one of X into workgroup memory, and
 * each thread makes a square of outputs from there, summing in f32. On matrix units: tensor-matmul.ts.
 */
import { GELU } from './gelu.ts';
import { type Binding, grid, kernel, type Kernel, PARAMS, repeat, roundUp } from './kernel.ts';
import { matrixBindings, type MatrixFormat, matrixReader } from './weight-reader.ts';

/** A tiled product. Rows of x and y start at multiples of 32 numbers, with zeros in between. */
export interface MatmulSpec {
  readonly label: string;
  readonly matrix: MatrixFormat;
  /** What becomes of the products, the bias added. `gate`: y = silu(y) * products, y holding the gate's; `gelu`: y = gelu(products). */
  readonly epilogue: 'store' | 'add' | 'gate' | 'gelu';
  readonly bias?: boolean;
  /** Only the tokens that go through the head, to rows of y without gaps. */
  readonly wantedOnly?: boolean;
  /** Side of a workgroup's square of outputs: 32, 64 or 128. */
  readonly tile: number;
}

/** vec4s of a row of a tile: 32 numbers, and one vec4 so that neighbouring rows lie in other banks. */
const TILE_ROW = 9;

/** Threads along a side of the tile. */
const SIDE = 16;

/** Bytes of workgroup memory that tiles of a side take. */
export function tileBytes(tile: number): number {
  return 2 * tile * TILE_ROW * 16;
}

/** Workgroups for so many tokens: outputs along x and y, tokens along z. */
export function matmulGrid({ matrix, tile }: MatmulSpec, tokens: number): readonly [number, number, number] {
  return [...grid(Math.ceil(matrix.rows / tile)), Math.ceil(tokens / tile)];
}

/** What becomes of a product, as WGSL: where y keeps it, the product, and the matrix's row it belongs to. */
export function epilogueOf({ epilogue, bias }: MatmulSpec): {
  /** Functions it needs. */
  readonly functions: string;
  write(at: string, product: string, row: string): string;
} {
  return {
    functions: epilogue === 'gelu' ? GELU : '',
    write(at, product, row) {
      const value = bias === true ? `(${product} + bias[${row}])` : product;
      return {
        store: `${at} = ${value};`,
        add: `${at} += ${value};`,
        gate: `let gate = ${at}; ${at} = gate / (1.0 + exp(-gate)) * ${value};`,
        gelu: `${at} = gelu(${value});`,
      }[epilogue];
    },
  };
}

/** Bindings in order: the matrix's, `x`, `y`, `bias` where there is one, `params`. */
export function matmulBindings({ matrix, bias }: MatmulSpec): Binding[] {
  return [
    ...matrixBindings('w', matrix),
    { name: 'x', type: 'array<vec4<f32>>', access: 'read' },
    { name: 'y', type: 'array<f32>', access: 'read_write' },
    ...(bias === true ? [{ name: 'bias', type: 'array<f32>', access: 'read' } as const] : []),
    PARAMS,
  ];
}

/** The kernel's source. */
export function matmulKernel(spec: MatmulSpec): Kernel {
  const { matrix, tile } = spec;
  const blocks = Math.ceil(matrix.cols / 32);
  const per = tile / SIDE; // outputs of a thread along a side
  const threads = SIDE * SIDE;
  const yStride = spec.wantedOnly === true ? matrix.rows : roundUp(matrix.rows, 32);
  const outputs = (line: (m: number, n: number) => string): string =>
    repeat(per, (m) => repeat(per, (n) => line(m, n)));
  const epilogue = epilogueOf(spec);
  const store = (m: number, n: number): string =>
    `  if (m0 + ${m * SIDE}u < count && n0 + ${n * SIDE}u < ${matrix.rows}u) {
    ${epilogue.write(`y[(m0 + ${m * SIDE}u) * ${yStride}u + n0 + ${n * SIDE}u]`, `s${m}_${n}`, `n0 + ${n * SIDE}u`)}
  }`;
  const body = `
${matrixReader('w', matrix)}
${epilogue.functions}
var<workgroup> tile_x: array<vec4<f32>, ${tile * TILE_ROW}>;
var<workgroup> tile_w: array<vec4<f32>, ${tile * TILE_ROW}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lid: u32) {
  let first_row = (wg.x + wg.y * ${matmulGrid(spec, 1)[0]}u) * ${tile}u;
  let first_token = wg.z * ${tile}u;
  let count = ${spec.wantedOnly === true ? 'params.wanted' : 'params.tokens'};
  let tx = lid % ${SIDE}u;
  let ty = lid / ${SIDE}u;
${outputs((m, n) => `  var s${m}_${n} = 0.0;`)}
  for (var block = 0u; block < ${blocks}u; block++) {
    for (var i = lid; i < ${tile * 8}u; i += ${threads}u) {
      let token = ${spec.wantedOnly === true ? 'params.first + ' : ''}min(first_token + i / 8u, count - 1u);
      tile_x[(i / 8u) * ${TILE_ROW}u + i % 8u] = x[token * ${blocks * 8}u + block * 8u + i % 8u];
    }
    for (var i = lid; i < ${tile * 4}u; i += ${threads}u) {
      let eight = w_eight(min(first_row + i / 4u, ${matrix.rows - 1}u), block, i % 4u);
      let at = (i / 4u) * ${TILE_ROW}u + (i % 4u) * 2u;
      tile_w[at] = eight[0];
      tile_w[at + 1u] = eight[1];
    }
    workgroupBarrier();
    for (var k = 0u; k < 8u; k++) {
${repeat(per, (m) => `      let a${m} = tile_x[(ty + ${m * SIDE}u) * ${TILE_ROW}u + k];`)}
${repeat(per, (n) => `      let b${n} = tile_w[(tx + ${n * SIDE}u) * ${TILE_ROW}u + k];`)}
${outputs((m, n) => `      s${m}_${n} += dot(a${m}, b${n});`)}
    }
    workgroupBarrier();
  }
  let m0 = first_token + ty;
  let n0 = first_row + tx;
${outputs(store)}
}`;
  return kernel(spec.label, matmulBindings(spec), body);
}
