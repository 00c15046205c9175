/** WebP: size from the first chunk, orientation from the EXIF or XMP chunk; complete when the RIFF length is there. Source: RFC 9649. */
import { storedOrientation } from '../image-orientation/stored-orientation.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** Facts of a file that starts with RIFF....WEBP. */
export function readWebp(bytes: Bytes): HeaderFacts {
  const size = sizeOf(bytes);
  const end = 8 + bytes.u32le(4);
  let exif: Uint8Array | undefined;
  let xmp: Uint8Array | undefined;
  const exifMarks: number[] = [];
  for (let at = 12; at + 8 <= Math.min(end, bytes.length);) {
    const length = bytes.u32le(at + 4);
    const content = bytes.view(at + 8, at + 8 + length);
    if (bytes.has(at, 'EXIF')) {
      exifMarks.push(at);
      exif ??= content;
    } else if (bytes.has(at, 'XMP ')) {
      xmp ??= content;
    }
    at += 8 + length + (length % 2); // chunks are padded to an even length
  }
  const orientation = storedOrientation({ exif, xmp });
  return {
    ...(size && { size }),
    ...(orientation && { orientation }),
    ...(isOpaqueAnimation(bytes) && { background: 'black' as const }),
    ...(exifMarks.length > 0 && { exifMarks }),
    complete: end <= bytes.length,
  };
}

/** An animation without alpha is drawn on black by Pillow, whatever background it states; its frames may leave some of it free. */
function isOpaqueAnimation(bytes: Bytes): boolean {
  return bytes.has(12, 'VP8X') && (bytes.u8(20) & 0x12) === 0x02; // bit 1 says animation, bit 4 alpha
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
