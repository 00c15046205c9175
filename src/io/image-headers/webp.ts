/** WebP: size from the first chunk; complete when the RIFF length is there. Source: RFC 9649. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** Facts of a file that starts with RIFF....WEBP. */
export function readWebp(bytes: Bytes): HeaderFacts {
  const size = sizeOf(bytes);
  return { ...(size && { size }), complete: 8 + bytes.u32le(4) <= bytes.length };
}

function sizeOf(bytes: Bytes): HeaderFacts['size'] {
  if (bytes.has(12, 'VP8X')) return { width: u24le(bytes, 24) + 1, height: u24le(bytes, 27) + 1 };
  if (bytes.has(12, 'VP8L')) {
    const packed = bytes.u32le(21); // 14 bits each, minus one
    return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
  }
  if (bytes.has(12, 'VP8 ')) return { width: bytes.u16le(26) & 0x3fff, height: bytes.u16le(28) & 0x3fff };
  return undefined;
}

function u24le(bytes: Bytes, offset: number): number {
  return bytes.u16le(offset) | (bytes.u8(offset + 2) << 16);
}
