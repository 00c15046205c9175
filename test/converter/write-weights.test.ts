/** Rows written to their places: for any grouping, stacking and padding. */
import { describe, expect, it } from 'vitest';
import { dataFileName } from '../../src/converter/layouts.ts';
import { placementsByTensor } from '../../src/converter/placements.ts';
import { type Dtype, precisionOf } from '../../src/converter/dtypes.ts';
import { TransposedWriter } from '../../src/converter/transposed-writer.ts';
import { type MatrixSource, WeightLayout } from '../../src/onnx/weight-layout.ts';
import { placementWriter } from '../../src/converter/write-weights.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';

/** Two tensors, stacked and padded on both sides. */
const ROWS: Readonly<Record<string, number>> = { a: 5, b: 3 };
const SOURCE: MatrixSource = { tensors: ['a', 'b'], cols: 40, paddedRows: 10, paddedCols: 64 };

/** Element `[row, col]` of a tensor. */
function value(tensor: string, row: number, col: number): number {
  return (tensor === 'a' ? 1 : -1) * ((row * 40 + col) / 64);
}

/** Writes the matrix in groups of `rows` rows, tensors in the given order, and returns the file. */
async function write(
  dtype: Dtype,
  kind: 'rows' | 'transposed' | 'quantized',
  group: number,
  order: readonly string[],
): Promise<Uint8Array> {
  const layout = new WeightLayout(precisionOf(dtype), dataFileName('visionthink', dtype));
  if (kind === 'quantized') layout.quantized('x', 'm', SOURCE, dtype === 'q8' ? 8 : 4);
  else layout.floats('x', 'm', SOURCE, kind === 'transposed');
  const folder = new MemoryFolder();
  const file = await folder.open('x.data');
  await file.truncate(layout.files.get('x.data') ?? 0);
  const placements = placementsByTensor(layout.jobs, (tensor) => ROWS[tensor] ?? 0);
  for (const tensor of order) {
    for (const placement of placements.get(tensor) ?? []) {
      const writer = placementWriter(placement, file);
      const rows = ROWS[tensor] ?? 0;
      for (let first = 0; first < rows; first += group) {
        const count = Math.min(group, rows - first);
        await writer.write(
          Float32Array.from({ length: count * 40 }, (_, i) => value(tensor, first + Math.floor(i / 40), i % 40)),
        );
      }
      await writer.finish();
    }
  }
  return folder.files.get('x.data') ?? new Uint8Array();
}

/** The expected matrix: `[10, 64]`, or its transpose. */
function matrix(transposed: boolean): number[] {
  return Array.from({ length: 640 }, (_, i) => {
    const [row, col] = transposed ? [i % 10, Math.floor(i / 10)] : [Math.floor(i / 64), i % 64];
    if (row >= 8 || col >= 40) return 0;
    return row < 5 ? value('a', row, col) : value('b', row - 5, col);
  });
}

describe('a matrix', () => {
  it.each(['rows', 'transposed'] as const)('of floats lies as %s', async (kind) => {
    const bytes = await write('fp32', kind, 2, ['b', 'a']);
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 640)]).toEqual(matrix(kind === 'transposed'));
  });

  it.each([
    ['q4f16', 'quantized'],
    ['q4', 'quantized'],
    ['q8', 'quantized'],
    ['fp16', 'rows'],
    ['fp16', 'transposed'],
  ] as const)('as %s (%s) is the same in groups of any size, and in any order of its tensors', async (dtype, kind) => {
    const whole = await write(dtype, kind, 5, ['a', 'b']);
    expect(whole.some((byte) => byte !== 0)).toBe(true);
    for (const group of [1, 2, 3, 4]) expect(await write(dtype, kind, group, ['b', 'a'])).toEqual(whole);
  });

  it('larger than the buffer is written in several passes', async () => {
    const layout = new WeightLayout(precisionOf('fp32'), dataFileName('visionthink', 'fp32'));
    const to = layout.floats('x', 'm', { tensors: ['a'], cols: 3, paddedRows: 5, paddedCols: 3 }, true);
    const folder = new MemoryFolder();
    const file = await folder.open('x.data');
    await file.truncate(to.length);
    const [placement] = placementsByTensor(layout.jobs, () => 5).get('a') ?? [];
    if (placement === undefined) throw new Error('it has a placement');
    const writer = new TransposedWriter(placement, { offset: to.offset, file, encode: (rows) => rows, gathered: 7 }); // two rows at a time
    await writer.write(Float32Array.from({ length: 12 }, (_, i) => i));
    await writer.write(Float32Array.from({ length: 3 }, (_, i) => 12 + i));
    await writer.finish();
    const bytes = folder.files.get('x.data') ?? new Uint8Array();
    expect([...new Float32Array(bytes.buffer, 0, 15)]).toEqual([0, 3, 6, 9, 12, 1, 4, 7, 10, 13, 2, 5, 8, 11, 14]);
  });
});
