/** JPEG: size from the frame header; complete when the scans end in EOI. Source: ITU-T T.81, annex B. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;

/** Facts of a file that starts with SOI. Segments are skipped by length, so thumbnails in EXIF data are not mistaken. */
export function readJpeg(bytes: Bytes): HeaderFacts {
  let size: HeaderFacts['size'];
  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes.u8(at + 1);
    if (bytes.u8(at) !== 0xff || marker === 0xff || marker === 0) {
      at++; // fill bytes, or padding some writers leave between segments
    } else if (marker === END_OF_IMAGE) {
      return { ...(size && { size }), complete: size !== undefined };
    } else if (isStandalone(marker)) {
      at += 2;
    } else {
      if (at + 4 > bytes.length) break;
      if (isFrame(marker)) {
        if (at + 9 > bytes.length) break;
        size = { width: bytes.u16be(at + 7), height: bytes.u16be(at + 5) };
      }
      at += 2 + bytes.u16be(at + 2);
      if (marker === START_OF_SCAN) at = endOfScan(bytes, at);
    }
  }
  return { ...(size && { size }), complete: false };
}

/** Where the entropy-coded data from `at` on ends: at the next marker that is neither a restart nor a stuffed FF. */
function endOfScan(bytes: Bytes, at: number): number {
  for (let ff = bytes.find(0xff, at); ff >= 0 && ff + 1 < bytes.length; ff = bytes.find(0xff, ff + 1)) {
    const next = bytes.u8(ff + 1);
    if (next !== 0 && next !== 0xff && !isStandalone(next)) return ff;
  }
  return bytes.length;
}

/** Restart markers and TEM carry no length. */
function isStandalone(marker: number): boolean {
  return marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
}

/** SOF0 to SOF15; C4, C8 and CC in between mean other things. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}
