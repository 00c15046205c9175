/** Reading numbers and tags from a file's bytes, where every read past the end is a `CutShort`. */

/** Thrown by reads past the end of the file. Stays inside the header readers. */
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

  /** The bytes from `start` to `end` as UTF-8, as far as they are there. */
  text(start: number, end: number): string {
    return new TextDecoder().decode(this.#file.subarray(start, end));
  }
}
