/**
 * Writes rows of checkpoint tensors to their placements in the data files, in any order. The bytes of a row depend on that row
 * alone, so the grouping of rows does not matter.
 */
import { bytesOf } from '../shared/bytes.ts';
import { f32ToF16 } from '../shared/float16.ts';
import { NamedError } from '../shared/errors.ts';
import type { RandomAccessFile } from '../shared/files.ts';
import type { ExternalData } from '../onnx/graph-builder.ts';
import type { Placement, PlacementWriter } from './placements.ts';
import type { FloatType } from '../onnx/precision.ts';
import { quantizeRows } from './quantize.ts';
import { TransposedWriter } from './transposed-writer.ts';
import { elementBytes, type MatrixSource, type WeightJob } from '../onnx/weight-layout.ts';

/** A writer for one placement of a tensor; `file` is the data file of its job. */
export function placementWriter(placement: Placement, file: RandomAccessFile): PlacementWriter {
  const { job, paddingRows } = placement;
  if (job.kind === 'transposed') {
    return new TransposedWriter(placement, {
      offset: job.to.offset,
      file,
      encode: (rows) => encode(rows, job.type, job.source),
    });
  }
  const { cols, paddedCols } = job.source;
  let row = placement.firstRow;
  const write = async (rows: Float32Array): Promise<void> => {
    if (job.kind === 'rows') await writeFloats(job, rows, row, file);
    else await writeQuantized(job, rows, row, file);
    row += rows.length / paddedCols;
  };
  return {
    write: (rows) => write(padColumns(rows, cols, paddedCols)),
    finish: async () => {
      if (paddingRows > 0) await write(new Float32Array(paddingRows * paddedCols));
    },
  };
}

async function writeFloats(
  { source, type, to }: WeightJob & { kind: 'rows' },
  rows: Float32Array,
  firstRow: number,
  file: RandomAccessFile,
): Promise<void> {
  const offset = to.offset + firstRow * source.paddedCols * elementBytes(type);
  await file.write(bytesOf(encode(rows, type, source)), offset);
}

async function writeQuantized(
  { source, bits, scaleType, weights, scales }: WeightJob & { kind: 'quantized' },
  rows: Float32Array,
  firstRow: number,
  file: RandomAccessFile,
): Promise<void> {
  const quantized = quantizeRows(rows, bits, scaleType);
  const offset = (region: ExternalData): number => region.offset + (region.length / source.paddedRows) * firstRow;
  await file.write(quantized.weights, offset(weights));
  await file.write(bytesOf(encode(quantized.scales, scaleType, source)), offset(scales));
}

function padColumns(values: Float32Array, cols: number, paddedCols: number): Float32Array {
  if (cols === paddedCols) return values;
  const rows = values.length / cols;
  const padded = new Float32Array(rows * paddedCols);
  for (let r = 0; r < rows; r++) padded.set(values.subarray(r * cols, (r + 1) * cols), r * paddedCols);
  return padded;
}

/** Converts `values` to the stored type. Throws CheckpointError for a value that f16 cannot hold. */
function encode(values: Float32Array, type: FloatType, source: MatrixSource): Float32Array | Uint16Array {
  if (type === 'f32') return values;
  const encoded = f32ToF16(values);
  for (let i = 0; i < encoded.length; i++) {
    if (((encoded[i] ?? 0) & 0x7fff) !== 0x7c00) continue;
    throw new NamedError(
      'CheckpointError',
      `${source.tensors.join(' + ')} holds ${values[i]}, float16 at most 65504. Use dtype q4 or fp32.`,
    );
  }
  return encoded;
}
