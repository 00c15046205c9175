/**
 * Fills the regions of a WeightLayout, one after the other, reading the checkpoint a bounded number of rows at a time.
 * Memory: a few chunks of CHUNK_ELEMENTS floats and one matrix's scales, whatever the size of the checkpoint.
 */
import { f32ToF16 } from '../shared/float16.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSink, FileWriter } from '../shared/files.ts';
import { type FloatType } from './precision.ts';
import { quantizeRows } from './quantize.ts';
import type { MatrixSource, WeightJob, WeightLayout } from './weight-layout.ts';

/** Floats held at a time while a matrix is read: 64 MB. */
const CHUNK_ELEMENTS = 1 << 24;

/** Gives rows of checkpoint tensors by canonical name, upcast to f32. */
export interface RowReader {
  /** Rows along axis 0; a tensor of rank 1 has one element a row. */
  rows(tensor: string, first: number, count: number): Promise<Float32Array>;
  /** Length of axis 0. */
  rowCount(tensor: string): number;
}

/** Tells how many bytes of weights have been written, and of which tensor the last were. */
export type WriteProgress = (writtenBytes: number, tensor: string) => void;

/** Writes all data files of `layout` into `sink`. Throws CheckpointError; errors of the reader and the sink pass through. */
export async function writeWeights(
  layout: WeightLayout,
  reader: RowReader,
  sink: FileSink,
  onProgress: WriteProgress,
): Promise<void> {
  let written = 0;
  for (const location of layout.files.keys()) {
    const out = new RegionWriter(await sink.create(location));
    for (const job of layout.jobs) {
      if (locationOf(job) !== location) continue;
      await writeJob(job, reader, out);
      onProgress(written + out.position, job.source.tensors.join(' + '));
    }
    await out.close();
    written += out.position;
  }
}

function locationOf(job: WeightJob): string {
  return job.kind === 'quantized' ? job.weights.location : job.to.location;
}

async function writeJob(job: WeightJob, reader: RowReader, out: RegionWriter): Promise<void> {
  const { source } = job;
  if (job.kind === 'rows') {
    await out.seek(job.to.offset);
    await eachChunk(source, reader, async (values) => out.write(encode(values, job.type, source)));
  } else if (job.kind === 'transposed') {
    await out.seek(job.to.offset);
    await writeTransposed(source, job.type, reader, out);
  } else {
    await out.seek(job.weights.offset);
    const scales: Float32Array[] = [];
    await eachChunk(source, reader, async (values) => {
      const quantized = quantizeRows(values, job.bits, job.scaleType);
      scales.push(quantized.scales);
      await out.write(quantized.weights);
    });
    await out.seek(job.scales.offset);
    for (const chunk of scales) await out.write(encode(chunk, job.scaleType, source));
  }
}

/** Writes `[paddedCols, paddedRows]`: strips of columns, for each of which the matrix is read once. */
async function writeTransposed(
  source: MatrixSource,
  type: FloatType,
  reader: RowReader,
  out: RegionWriter,
): Promise<void> {
  const { paddedRows, paddedCols } = source;
  const stripCols = Math.max(1, Math.min(paddedCols, Math.floor((4 * CHUNK_ELEMENTS) / paddedRows)));
  for (let first = 0; first < paddedCols; first += stripCols) {
    const count = Math.min(stripCols, paddedCols - first);
    const strip = new Float32Array(count * paddedRows);
    let row = 0;
    await eachChunk(source, reader, async (values) => {
      const rows = values.length / paddedCols;
      for (let r = 0; r < rows; r++, row++) {
        for (let c = 0; c < count; c++) strip[c * paddedRows + row] = values[r * paddedCols + first + c] ?? 0;
      }
    });
    await out.write(encode(strip, type, source));
  }
}

/** Calls `use` with consecutive groups of padded rows, `[n, paddedCols]` each. */
async function eachChunk(
  source: MatrixSource,
  reader: RowReader,
  use: (values: Float32Array) => Promise<void>,
): Promise<void> {
  const { cols, paddedCols, paddedRows } = source;
  const chunkRows = Math.max(1, Math.floor(CHUNK_ELEMENTS / paddedCols));
  let done = 0;
  for (const tensor of source.tensors) {
    const total = reader.rowCount(tensor);
    for (let first = 0; first < total; first += chunkRows) {
      const count = Math.min(chunkRows, total - first);
      await use(padColumns(await reader.rows(tensor, first, count), cols, paddedCols));
      done += count;
    }
  }
  if (done < paddedRows) await use(new Float32Array((paddedRows - done) * paddedCols));
}

function padColumns(values: Float32Array, cols: number, paddedCols: number): Float32Array {
  if (cols === paddedCols) return values;
  const rows = values.length / cols;
  const padded = new Float32Array(rows * paddedCols);
  for (let r = 0; r < rows; r++) padded.set(values.subarray(r * cols, (r + 1) * cols), r * paddedCols);
  return padded;
}

/** The bytes of `values`. Throws CheckpointError for a value that f16 cannot hold. */
function encode(values: Float32Array, type: FloatType, source: MatrixSource): Uint8Array {
  const encoded = type === 'f16' ? f32ToF16(values) : values;
  for (let i = 0; type === 'f16' && i < encoded.length; i++) {
    if (((encoded[i] ?? 0) & 0x7fff) !== 0x7c00) continue;
    throw new NamedError(
      'CheckpointError',
      `${source.tensors.join(' + ')} holds ${values[i]}, float16 at most 65504. Use --dtype q4 or fp32.`,
    );
  }
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

/** Appends to a file and knows the position; seeks forward by writing zeros. */
class RegionWriter {
  position = 0;
  readonly #file: FileWriter;

  constructor(file: FileWriter) {
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(bytes);
    this.position += bytes.length;
  }

  async seek(offset: number): Promise<void> {
    if (offset < this.position) throw new Error(`cannot go back from ${this.position} to ${offset}`);
    if (offset > this.position) await this.write(new Uint8Array(offset - this.position));
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
