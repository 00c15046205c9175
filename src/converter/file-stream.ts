/** Reads a file sequentially and prefetches: network or disk reads overlap with packing tensors. */

/** Bytes per request. */
const SEGMENT_BYTES = 1 << 24;

/** Segments prefetched, pending or complete: with the current one 80 MB. */
const SEGMENTS_AHEAD = 4;

/** Receives the bytes of a segment; the stream awaits it. */
export type OnSegment = (bytes: Uint8Array) => void | Promise<void>;

/** Bytes `[position, end)` of a blob, in order. */
export class FileStream {
  /** File offset of the next byte to take. */
  position: number;
  readonly #blob: Blob;
  readonly #end: number;
  readonly #onSegment: OnSegment;
  readonly #coming: Promise<Uint8Array<ArrayBuffer>>[] = [];
  #asked: number;
  #segment = new Uint8Array(0);

  /** `onSegment` receives every byte once, in order, from `position` on. Nothing is read before the first `take`. */
  constructor(blob: Blob, position: number, end: number, onSegment: OnSegment = () => undefined) {
    this.#blob = blob;
    this.position = position;
    this.#asked = position;
    this.#end = end;
    this.#onSegment = onSegment;
  }

  /**
   * The next `length` bytes, fewer if the file ends early: a copy or a view, aligned for any element type.
   * Read errors pass through.
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

  /** Advances to a later position; bytes in between are read and dropped. */
  async skipTo(position: number): Promise<void> {
    while (this.position < position) {
      if (this.#segment.length === 0) await this.#advance();
      if (this.#segment.length === 0) return;
      this.#drop(Math.min(this.#segment.length, position - this.position));
    }
  }

  /** Stops reading; pending requests finish on their own. */
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
      segment.catch(() => undefined); // `take` reports the failure
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
