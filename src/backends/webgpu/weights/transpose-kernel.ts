/**
 * Transposes a float matrix from `[cols, rows]`, the layout of onnxruntime's MatMul, to `[rows, cols]`, the layout of our kernels.
 * It takes a chunk at a time, some of the inputs for all rows, so that it needs no second buffer of the matrix's size.
 */
import { QUANT_BLOCK } from '../../../onnx/precision.ts';
import { type Binding, kernel, type Kernel } from '../gpu/kernel.ts';
import type { MatrixFormat } from './weight-reader.ts';
import { paddedWidth } from '../rows/row-layout.ts';

/** Threads of a workgroup: neighbours take neighbouring rows, which are adjacent in the stored matrix. */
const THREADS = 64;

/** The inputs of every chunk but the last are a multiple of this. */
export const TRANSPOSE_INPUTS = QUANT_BLOCK;

/** Where a chunk belongs, as words of the uniform buffer: rows, 8-element vectors of a row, the chunk's first, inputs from there to the end. */
export function transposePlacement(
  { rows, cols }: Pick<MatrixFormat, 'rows' | 'cols'>,
  first: number,
): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(rows, paddedWidth(cols) / 8, first / 8, cols - first);
}

/** Workgroups for a chunk of `inputs`: rows, and 8-element vectors of inputs up to a whole block. */
export function transposeGrid({ rows }: Pick<MatrixFormat, 'rows'>, inputs: number): readonly [number, number] {
  return [Math.ceil(rows / THREADS), paddedWidth(inputs) / 8];
}

/**
 * Writes a chunk `[inputs, rows]` to its place in `[rows, cols]`, rows padded with zeros. Bindings: `chunk`, `matrix`,
 * `placement`.
 */
export function transposeKernel(floats: MatrixFormat['floats']): Kernel {
  const isF16 = floats === 'f16';
  // The bits of one number; an f16 is in the lower half of the word.
  const bits = isF16 ? '(chunk[at >> 1u] >> (16u * (at & 1u))) & 0xffffu' : 'chunk[at]';
  const word = (i: number): string =>
    isF16
      ? `number(row, input + ${2 * i}u) | (number(row, input + ${2 * i + 1}u) << 16u)`
      : `number(row, input + ${i}u)`;
  const four = (i: number): string => `vec4<u32>(${[0, 1, 2, 3].map((j) => word(4 * i + j)).join(', ')})`;
  const body = `
fn number(row: u32, input: u32) -> u32 {
  if (input >= placement.w) { return 0u; }
  let at = input * placement.x + row;
  return ${bits};
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  let input = id.y * 8u;
  if (row >= placement.x) { return; }
  let to = (row * placement.y + placement.z + id.y) * ${isF16 ? 1 : 2}u;
  matrix[to] = ${four(0)};
  ${isF16 ? '' : `matrix[to + 1u] = ${four(1)};`}
}`;
  const bindings: Binding[] = [
    { name: 'chunk', type: 'array<u32>', access: 'read' },
    { name: 'matrix', type: 'array<vec4<u32>>', access: 'read_write' },
    { name: 'placement', type: 'vec4<u32>', access: 'uniform' },
  ];
  return kernel({ label: `transpose ${floats}`, bindings, body });
}
