/** GIF: size from the logical screen; complete when the first frame's data ends. Source: the GIF89a specification. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;

/** Facts of a file that starts with GIF's signature. Later frames are not looked at: only the first is shown. */
export function readGif(bytes: Bytes): HeaderFacts {
  const size = { width: bytes.u16le(6), height: bytes.u16le(8) };
  let at = 13 + colorTableLength(bytes.u8(10));
  while (at < bytes.length) {
    const block = bytes.u8(at);
    if (block === EXTENSION) {
      at = endOfSubBlocks(bytes, at + 2);
    } else if (block === IMAGE) {
      if (at + 11 > bytes.length) return { size, complete: false };
      const end = endOfSubBlocks(bytes, at + 11 + colorTableLength(bytes.u8(at + 9)));
      return { size, complete: end <= bytes.length };
    } else {
      return { size, complete: false }; // the trailer, or rubbish, before any frame
    }
  }
  return { size, complete: false };
}

/** One past the empty block that ends a chain, or past the end of the file when there is none. */
function endOfSubBlocks(bytes: Bytes, start: number): number {
  let at = start;
  while (at < bytes.length) {
    const length = bytes.u8(at);
    at += 1 + length;
    if (length === 0) return at;
  }
  return bytes.length + 1;
}

/** Bytes of the colour table that a packed field announces. */
function colorTableLength(packed: number): number {
  return packed & 0x80 ? 3 << ((packed & 7) + 1) : 0;
}
