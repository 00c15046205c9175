/** The LZW compression of GIF. Source: GIF89a specification, appendix F. */
import { type Bytes, CutShort } from '../image-headers/bytes.ts';

/** Codes have at most 12 bits. */
const MOST_CODES = 4096;

/**
 * Decodes the sub-blocks at `at` (their first byte is the minimum code size) into palette indices, until `out` is full or the
 * data ends. Returns the number of indices. Throws CutShort for codes that no encoder writes.
 */
export function decodeLzw(bytes: Bytes, at: number, out: Uint8Array): number {
  const minimum = bytes.u8(at);
  if (minimum > 11) throw new CutShort();
  const clear = 1 << minimum;
  const end = clear + 1;
  const prefix = new Uint16Array(MOST_CODES); // of code c: the code of all but its last index
  const suffix = new Uint8Array(MOST_CODES); // of code c: its last index
  const stack = new Uint8Array(MOST_CODES + 1);
  for (let code = 0; code < clear; code++) suffix[code] = code;

  const codes = new SubBlockBits(bytes, at + 1);
  let size = minimum + 1;
  let next = end + 1;
  let previous = -1;
  let first = 0; // the first index of the previous string
  let filled = 0;
  while (filled < out.length) {
    const code = codes.take(size);
    if (code === undefined || code === end) break;
    if (code === clear) {
      size = minimum + 1;
      next = end + 1;
      previous = -1;
      continue;
    }
    if (code > next || (previous < 0 && code >= clear)) throw new CutShort();
    let depth = 0;
    let at = code;
    if (code === next) {
      stack[depth++] = first;
      at = previous;
    }
    while (at >= clear) {
      stack[depth++] = suffix[at] ?? 0;
      at = prefix[at] ?? 0;
    }
    first = at;
    stack[depth++] = first;
    while (depth > 0 && filled < out.length) out[filled++] = stack[--depth] ?? 0;

    if (previous >= 0 && next < MOST_CODES) {
      prefix[next] = previous;
      suffix[next] = first;
      next++;
      if (next === 1 << size && size < 12) size++;
    }
    previous = code;
  }
  return filled;
}

/** The bits of a series of sub-blocks, lowest first. Ignores an incomplete block. */
class SubBlockBits {
  readonly #bytes: Bytes;
  #at: number;
  #blockEnd: number;
  #bits = 0;
  #count = 0;

  constructor(bytes: Bytes, start: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#blockEnd = start;
  }

  /** The next code of `size` bits; undefined where the series or the file ends. */
  take(size: number): number | undefined {
    while (this.#count < size) {
      if (this.#at === this.#blockEnd && !this.#openBlock()) return undefined;
      this.#bits |= this.#bytes.u8(this.#at++) << this.#count;
      this.#count += 8;
    }
    const code = this.#bits & ((1 << size) - 1);
    this.#bits >>>= size;
    this.#count -= size;
    return code;
  }

  #openBlock(): boolean {
    if (this.#at >= this.#bytes.length) return false;
    const length = this.#bytes.u8(this.#at);
    if (length === 0 || this.#at + 1 + length > this.#bytes.length) return false;
    this.#at++;
    this.#blockEnd = this.#at + length;
    return true;
  }
}
