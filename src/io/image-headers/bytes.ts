/** Reads numbers and tags from a file's bytes. Every read past the end throws `CutShort`. */

/** Thrown by reads past the end of the file. Stays inside the code that reads image files. */
export class CutShort extends Error {}

/** A file in memory with checked reads. Offsets are in bytes. */
export class Bytes {
  readonly length: number;
  readonly #file: Uint8Array;

  constructor(file: Uint8Array) {
    this.#file = file;
    this.length = file.length;
  }

  /** One byte. Throws CutShort past the end, as all reads here do. */
  u8(offset: number): number {
    const byte = this.#file[offset];
    if (byte === undefined) throw new CutShort();
    return byte;
  }

  u16le(offset: number): number {
    return this.u8(offset) | (this.u8(offset + 1) << 8);
  }

  u16be(offset: number): number {
    return (this.u8(offset) << 8) | this.u8(offset + 1);
  }

  u32le(offset: number): number {
    return this.u16le(offset) + this.u16le(offset + 2) * 0x10000;
  }

  u32be(offset: number): number {
    return this.u16be(offset) * 0x10000 + this.u16be(offset + 2);
  }

  /** An unsigned big-endian number of 0 to 8 bytes, as ISO boxes store them; 0 for none. */
  uintBe(offset: number, bytes: number): number {
    let value = 0;
    for (let i = 0; i < bytes; i++) value = value * 256 + this.u8(offset + i);
    return value;
  }

  /** Whether the bytes at `offset` are exactly `tag` (one character a byte); false past the end. */
  has(offset: number, tag: string): boolean {
    for (let i = 0; i < tag.length; i++) {
      if (this.#file[offset + i] !== tag.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The first `value` at or after `offset`, or -1. */
  find(value: number, offset: number): number {
    return this.#file.indexOf(value, offset);
  }

  /** A view of the bytes from `start` to `end`, as far as they exist. */
  view(start: number, end: number): Uint8Array {
    return this.#file.subarray(start, end);
  }

  /** The bytes from `start` to `end` as UTF-8, as far as they exist. */
  text(start: number, end: number): string {
    return new TextDecoder().decode(this.view(start, end));
  }
}
