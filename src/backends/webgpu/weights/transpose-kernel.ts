/**
 * Floats that are stored transposed, as onnxruntime's product wants them, turned into rows as ours reads them. A part at a time,
 * some of the matrix's inputs for all of its rows, so that nothing of the matrix's size is needed beside it.
 */
import { type Binding, kernel, type Kernel, roundUp } from '../gpu/kernel.ts';
import type { MatrixFormat } from './weight-reader.ts';

/** Threads of a workgroup: neighbours take neighbouring rows, which lie side by side in what is stored. */
const THREADS = 64;

/** Inputs of a part are a multiple of so many, but for the last part. */
export const TURN_INPUTS = 32;

/** Where a part belongs, as words of the uniform buffer: rows, eights of a row, the part's first eight, inputs from there to the end. */
export function turnPlace(
  { rows, cols }: Pick<MatrixFormat, 'rows' | 'cols'>,
  first: number,
): Uint32Array<ArrayBuffer> {
  return Uint32Array.of(rows, roundUp(cols, 32) / 8, first / 8, cols - first);
}

/** Workgroups for a part of `inputs`: rows, and eights of inputs up to a whole block. */
export function turnGrid({ rows }: Pick<MatrixFormat, 'rows'>, inputs: number): readonly [number, number] {
  return [Math.ceil(rows / THREADS), roundUp(inputs, 32) / 8];
}

/**
 * Writes a part `[inputs, rows]` to its place in `[rows, cols]`, rows of whole blocks with zeros behind the last input. Bindings:
 * `part`, `whole`, `place`.
 */
export function turnKernel(floats: MatrixFormat['floats']): Kernel {
  const isHalf = floats === 'f16';
  // The bits of one number, in the lower half of the word where it has 16.
  const bits = isHalf ? '(part[at >> 1u] >> (16u * (at & 1u))) & 0xffffu' : 'part[at]';
  const word = (i: number): string =>
    isHalf
      ? `number(row, input + ${2 * i}u) | (number(row, input + ${2 * i + 1}u) << 16u)`
      : `number(row, input + ${i}u)`;
  const four = (i: number): string => `vec4<u32>(${[0, 1, 2, 3].map((j) => word(4 * i + j)).join(', ')})`;
  const body = `
fn number(row: u32, input: u32) -> u32 {
  if (input >= place.w) { return 0u; }
  let at = input * place.x + row;
  return ${bits};
}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = id.x;
  let input = id.y * 8u;
  if (row >= place.x) { return; }
  let to = (row * place.y + place.z + id.y) * ${isHalf ? 1 : 2}u;
  whole[to] = ${four(0)};
  ${isHalf ? '' : `whole[to + 1u] = ${four(1)};`}
}`;
  const bindings: Binding[] = [
    { name: 'part', type: 'array<u32>', access: 'read' },
    { name: 'whole', type: 'array<vec4<u32>>', access: 'read_write' },
    { name: 'place', type: 'vec4<u32>', access: 'uniform' },
  ];
  return kernel(`turn ${floats}`, bindings, body);
}
