/** Cases of the transpose of float matrices at load (weights/transpose-kernel.ts). */
import { pseudoRandom } from '../../../shared/pseudo-random.ts';
import { roundUp } from '../gpu/kernel.ts';
import { transposeGrid, transposeKernel, transposePlacement } from '../weights/transpose-kernel.ts';
import { guardedRows, rounded, stored } from './case-inputs.ts';
import type { Expected, KernelCase } from './kernel-case.ts';
import { paddedWidth } from '../rows/row-layout.ts';

interface Sizes {
  readonly what: string;
  readonly rows: number;
  readonly cols: number;
  /** The chunk's first input, and its number of inputs. */
  readonly first: number;
  readonly inputs: number;
  readonly factor?: number;
}

const SIZES: readonly Sizes[] = [
  { what: 'one row, one block', rows: 1, cols: 32, first: 0, inputs: 32 },
  { what: 'odd sizes, all at once', rows: 37, cols: 75, first: 0, inputs: 75 },
  { what: 'rows past a workgroup, a part in the middle', rows: 65, cols: 128, first: 32, inputs: 64 },
  {
    what: 'the last part, which is no whole block, of large numbers',
    rows: 66,
    cols: 70,
    first: 64,
    inputs: 6,
    factor: 60_000,
  },
];

/** Every case of the transpose. */
export function transposeCases(): readonly KernelCase[] {
  return (['f16', 'f32'] as const).flatMap((type) => SIZES.map((sizes) => transposeCase(sizes, type)));
}

function transposeCase({ what, rows, cols, first, inputs, factor = 1 }: Sizes, type: 'f16' | 'f32'): KernelCase {
  return {
    name: `transpose, ${type}: ${what}`,
    needs: {},
    tolerance: 0,
    make() {
      const random = pseudoRandom();
      const part = rounded(
        random(inputs * rows).map((value) => value * factor),
        type,
      ); // [inputs, rows]
      const stride = paddedWidth(cols);
      const before = rounded(random(rows * stride), type);
      const end = Math.min(stride, first + paddedWidth(inputs)); // zeros after the last input
      const values = before.map((value, i) => {
        const [row, col] = [Math.floor(i / stride), i % stride];
        if (col < first || col >= end) return value;
        return col < cols ? (part[(col - first) * rows + row] ?? NaN) : 0;
      });
      const format = { rows, cols };
      const expected: Expected = { values, type, cols: stride, stride };
      // A kernel may not use what follows the chunk in its buffer.
      const chunk = new Float32Array(roundUp(part.length, 2) + 64).fill(9);
      chunk.set(part);
      return {
        kernel: transposeKernel(type),
        buffers: [
          { data: stored(chunk, type) },
          { data: stored(guardedRows(before, stride, stride), type), expected },
          { data: transposePlacement(format, first) },
        ],
        grid: transposeGrid(format, inputs),
      };
    },
  };
}
