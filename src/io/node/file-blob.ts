/**
 * A file on disk as a Blob, read when it is asked for. Node's own openAsBlob takes sizes modulo 2^32 (Node 20 and 24), and a
 * checkpoint's shards are often larger than 4 GB.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** The file at `path`, or undefined when there is none. Its size is read now, its bytes later. */
export async function openFileBlob(path: string): Promise<Blob | undefined> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? new FileBlob(path, 0, found.size) : undefined;
}

/** Bytes `[start, end)` of a file. */
class FileBlob extends Blob {
  readonly #path: string;
  readonly #start: number;
  readonly #end: number;

  constructor(path: string, start: number, end: number) {
    super();
    this.#path = path;
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
    return new FileBlob(this.#path, this.#start + from, this.#start + Math.max(from, place(end)));
  }

  override async arrayBuffer(): Promise<ArrayBuffer> {
    const bytes = new Uint8Array(this.size);
    const file = await open(this.#path);
    try {
      for (let at = 0; at < bytes.length;) {
        const { bytesRead } = await file.read(bytes, at, bytes.length - at, this.#start + at);
        if (bytesRead === 0) throw new Error(`${this.#path} ends after ${this.#start + at} of ${this.#end} bytes`);
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
    return bytes.buffer;
  }

  override async text(): Promise<string> {
    return new TextDecoder().decode(await this.arrayBuffer());
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.size === 0) return new Blob().stream();
    const source = createReadStream(this.#path, { start: this.#start, end: this.#end - 1 });
    return Readable.toWeb(source) as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
  }
}
