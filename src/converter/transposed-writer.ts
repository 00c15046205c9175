/**
 * Writes the rows of a tensor as columns. It buffers rows and writes their segment of each column, so that a tensor of any size
 * is read once and memory holds only a few of its rows.
 */
import type { RandomAccessFile } from '../shared/files.ts';
import type { Placement, PlacementWriter } from './placements.ts';

/** Elements to buffer: 128 MB as f16. */
const GATHERED_ELEMENTS = 1 << 26;

type Stored = Float32Array | Uint16Array;

/** Where the columns go. */
interface Target {
  /** Byte offset of the region in `file`. */
  readonly offset: number;
  readonly file: RandomAccessFile;
  /** Converts values to the stored type. */
  readonly encode: (rows: Float32Array) => Stored;
  /** Elements to buffer before writing. */
  readonly gathered?: number;
}

/** Fills columns of a zero-initialised region `[paddedCols, paddedRows]`. */
export class TransposedWriter implements PlacementWriter {
  readonly #placement: Placement;
  readonly #offset: number;
  readonly #file: RandomAccessFile;
  readonly #encode: (rows: Float32Array) => Stored;
  readonly #most: number;
  /** Rows already written; rows buffered after them, and their columns. */
  #written: number;
  #gathered = 0;
  #capacity = 0;
  #columns: Stored | undefined;

  constructor(placement: Placement, { offset, file, encode, gathered = GATHERED_ELEMENTS }: Target) {
    this.#most = gathered;
    this.#placement = placement;
    this.#offset = offset;
    this.#file = file;
    this.#encode = encode;
    this.#written = placement.firstRow;
  }

  async write(rows: Float32Array): Promise<void> {
    const { cols } = this.#placement.job.source;
    const values = this.#encode(rows); // [n, cols]
    const count = values.length / cols;
    for (let first = 0; first < count;) {
      if (this.#columns === undefined) {
        const left = this.#placement.firstRow + this.#placement.rows - this.#written;
        this.#capacity = Math.max(1, Math.min(left, Math.floor(this.#most / cols)));
        const length = this.#capacity * cols;
        this.#columns = values instanceof Uint16Array ? new Uint16Array(length) : new Float32Array(length);
      }
      const taken = Math.min(count - first, this.#capacity - this.#gathered);
      for (let c = 0; c < cols; c++) {
        const to = c * this.#capacity + this.#gathered;
        for (let r = 0; r < taken; r++) this.#columns[to + r] = values[(first + r) * cols + c] ?? 0;
      }
      first += taken;
      this.#gathered += taken;
      if (this.#gathered === this.#capacity) await this.finish();
    }
  }

  async finish(): Promise<void> {
    const columns = this.#columns;
    if (columns === undefined) return;
    const { cols, paddedRows } = this.#placement.job.source;
    const size = columns.BYTES_PER_ELEMENT;
    const bytes = new Uint8Array(columns.buffer);
    if (this.#gathered === paddedRows) await this.#file.write(bytes, this.#offset);
    else {
      for (let c = 0; c < cols; c++) {
        const from = c * this.#capacity * size;
        const stretch = bytes.subarray(from, from + this.#gathered * size);
        await this.#file.write(stretch, this.#offset + (c * paddedRows + this.#written) * size);
      }
    }
    this.#written += this.#gathered;
    this.#gathered = 0;
    this.#columns = undefined;
  }
}
