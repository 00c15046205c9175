/** A folder in memory, to write and to read. */
import type { Folder, RandomAccessFile } from '../../src/shared/files.ts';

/** Files by path. */
export class MemoryFolder implements Folder {
  readonly name: string;
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Files that were opened for writing, finished or not. */
  readonly created: string[] = [];

  constructor(name = 'a folder in memory') {
    this.name = name;
  }

  /** A copy whose files can be changed. */
  copy(): MemoryFolder {
    const copy = new MemoryFolder(this.name);
    for (const [path, bytes] of this.files) copy.files.set(path, bytes.slice());
    return copy;
  }

  async blob(path: string): Promise<Blob | undefined> {
    const bytes = this.files.get(path);
    return bytes === undefined ? undefined : new Blob([bytes]);
  }

  async put(path: string, bytes: Uint8Array): Promise<void> {
    this.created.push(path);
    this.files.set(path, new Uint8Array(bytes));
  }

  async open(path: string): Promise<RandomAccessFile> {
    this.created.push(path);
    const content = (): Uint8Array<ArrayBuffer> => this.files.get(path) ?? new Uint8Array();
    this.files.set(path, content());
    const truncate = async (length: number): Promise<void> => {
      if (length === content().length) return;
      const resized = new Uint8Array(length);
      resized.set(content().subarray(0, length));
      this.files.set(path, resized);
    };
    return {
      size: async () => content().length,
      write: async (bytes, offset) => {
        await truncate(Math.max(content().length, offset + bytes.length));
        content().set(bytes, offset);
      },
      truncate,
      flush: async () => undefined,
      close: async () => undefined,
    };
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }

  /** Replaces a file by this text, or by this value as JSON. */
  set(path: string, content: unknown): void {
    this.files.set(path, new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content)));
  }

  /** A file as text. */
  text(path: string): string {
    return new TextDecoder().decode(this.files.get(path));
  }

  /** A file as JSON. */
  json(path: string): Record<string, unknown> {
    return JSON.parse(this.text(path)) as Record<string, unknown>;
  }
}
