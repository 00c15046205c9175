/** A remote file or one on disk as a Blob that reads lazily, and only the bytes asked for. */

/** Reads bytes `[first, end)`, all of them or none. */
export type ReadRange = (first: number, end: number) => Promise<Uint8Array<ArrayBuffer>>;

/** Bytes of one reading when a blob is read as a stream. */
const STREAM_BYTES = 1 << 24;

/** Bytes `[start, end)` of a file. */
export class RangedBlob extends Blob {
  readonly #read: ReadRange;
  readonly #start: number;
  readonly #end: number;

  constructor(read: ReadRange, start: number, end: number) {
    super();
    this.#read = read;
    this.#start = start;
    this.#end = end;
  }

  override get size(): number {
    return this.#end - this.#start;
  }

  /** As Blob.slice: negative positions count from the end. */
  override slice(start = 0, end = this.size): Blob {
    const place = (at: number): number => Math.min(Math.max(at < 0 ? this.size + at : at, 0), this.size);
    const from = place(start);
    return new RangedBlob(this.#read, this.#start + from, this.#start + Math.max(from, place(end)));
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    return this.size === 0 ? new ArrayBuffer(0) : (await this.#read(this.#start, this.#end)).buffer;
  }

  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let at = this.#start;
    return new ReadableStream({
      pull: async (controller) => {
        const end = Math.min(this.#end, at + STREAM_BYTES);
        if (at < end) controller.enqueue(await this.#read(at, end));
        at = end;
        if (at === this.#end) controller.close();
      },
    });
  }
}
