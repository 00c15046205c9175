/** Reads a file from front to back, ahead of whoever takes the bytes: the network or the disk works while tensors are packed. */

/** Bytes of a request. */
const SEGMENT_BYTES = 1 << 24;

/** Requests under way, or here and not yet taken: with the one at hand 80 MB. */
const SEGMENTS_AHEAD = 4;

/** Is shown bytes; the stream waits for it. */
export type OnSegment = (bytes: Uint8Array) => void | Promise<void>;

/** Bytes `[position, end)` of a blob, in order. */
export class FileStream {
  /** Where the next byte that is taken lies in the file. */
  position: number;
  readonly #blob: Blob;
  readonly #end: number;
  readonly #onSegment: OnSegment;
  readonly #coming: Promise<Uint8Array<ArrayBuffer>>[] = [];
  #asked: number;
  #segment = new Uint8Array(0);

  /** `onSegment` sees every byte once and in order, `position` first. Nothing is read before the first `take`. */
  constructor(blob: Blob, position: number, end: number, onSegment: OnSegment = () => undefined) {
    this.#blob = blob;
    this.position = position;
    this.#asked = position;
    this.#end = end;
    this.#onSegment = onSegment;
  }

  /**
   * The next `length` bytes, fewer where the file ends early. In memory of their own or not, but aligned for any element.
   * What reading throws passes through.
   */
  async take(length: number): Promise<Uint8Array> {
    if (this.#segment.length === 0) await this.#advance();
    if (length <= this.#segment.length && this.#segment.byteOffset % 8 === 0) {
      const bytes = this.#segment.subarray(0, length);
      this.#drop(length);
      return bytes;
    }
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      if (this.#segment.length === 0) await this.#advance();
      if (this.#segment.length === 0) return bytes.subarray(0, filled);
      const part = this.#segment.subarray(0, length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#drop(part.length);
    }
    return bytes;
  }

  /** Goes to a place further on; bytes between are read and dropped. */
  async skipTo(position: number): Promise<void> {
    while (this.position < position) {
      if (this.#segment.length === 0) await this.#advance();
      if (this.#segment.length === 0) return;
      this.#drop(Math.min(this.#segment.length, position - this.position));
    }
  }

  /** Takes no more; requests under way are left to end by themselves. */
  close(): void {
    this.#asked = this.#end;
    this.#coming.length = 0;
    this.#segment = new Uint8Array(0);
  }

  #drop(length: number): void {
    this.#segment = this.#segment.subarray(length);
    this.position += length;
  }

  async #advance(): Promise<void> {
    while (this.#coming.length < SEGMENTS_AHEAD && this.#asked < this.#end) {
      const end = Math.min(this.#end, this.#asked + SEGMENT_BYTES);
      const segment = readPart(this.#blob, this.#asked, end);
      segment.catch(() => undefined); // whoever takes it is told
      this.#coming.push(segment);
      this.#asked = end;
    }
    this.#segment = (await this.#coming.shift()) ?? new Uint8Array(0);
    if (this.#segment.length > 0) await this.#onSegment(this.#segment);
  }
}

async function readPart(blob: Blob, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.slice(first, end).arrayBuffer());
}
