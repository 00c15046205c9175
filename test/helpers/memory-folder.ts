/** A folder in memory, to write and to read. */
import type { FileSink, FileSource, FileWriter } from '../../src/shared/files.ts';

/** Files by path. */
export class MemoryFolder implements FileSink, FileSource {
  readonly name: string;
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Files that were begun, finished or not. */
  readonly created: string[] = [];
  /** Largest piece that was written at once. */
  largestPiece = 0;

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

  async create(path: string): Promise<FileWriter> {
    this.created.push(path);
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    return {
      write: async (bytes) => {
        this.largestPiece = Math.max(this.largestPiece, bytes.length);
        pieces.push(new Uint8Array(bytes));
      },
      close: async () => {
        const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
        let at = 0;
        for (const piece of pieces) {
          whole.set(piece, at);
          at += piece.length;
        }
        this.files.set(path, whole);
      },
    };
  }

  /** Replaces a file by this text, or by this value as JSON. */
  put(path: string, content: unknown): void {
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
