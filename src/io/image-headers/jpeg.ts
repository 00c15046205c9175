/** JPEG: size from the frame header, orientation from EXIF or XMP. Source: ITU-T T.81, annex B. */
import { storedOrientation } from '../image-orientation/stored-orientation.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';
import { JpegScan } from './jpeg-scan.ts';

const END_OF_IMAGE = 0xd9;
const START_OF_SCAN = 0xda;
const APP1 = 0xe1;
const EXIF = 'Exif\0\0';
const XMP = 'http://ns.adobe.com/xap/1.0/\0';

/**
 * Facts of a file that starts with SOI. Segments are skipped by length, so thumbnails in EXIF data are not mistaken. A file
 * without EOI is complete when its only scan holds every block.
 */
export function readJpeg(bytes: Bytes): HeaderFacts {
  let size: HeaderFacts['size'];
  let exif: Uint8Array | undefined;
  let xmp: Uint8Array | undefined;
  let isBeforeScan = true;
  let complete = false;
  const exifMarks: number[] = [];
  const scan = new JpegScan(bytes);

  let at = 2;
  while (at + 1 < bytes.length) {
    const marker = bytes.u8(at + 1);
    if (bytes.u8(at) !== 0xff || marker === 0xff || marker === 0) {
      at++; // fill bytes, or padding some writers leave between segments
    } else if (marker === END_OF_IMAGE) {
      complete = size !== undefined;
      break;
    } else if (isStandalone(marker)) {
      at += 2;
    } else {
      if (at + 4 > bytes.length) break;
      const end = at + 2 + bytes.u16be(at + 2);
      if (isFrame(marker)) {
        if (at + 9 > bytes.length) break;
        size = { width: bytes.u16be(at + 7), height: bytes.u16be(at + 5) };
      } else if (marker === APP1 && isBeforeScan) {
        if (bytes.has(at + 4, EXIF)) {
          exifMarks.push(at + 4);
          exif ??= bytes.view(at + 4, end);
        } else if (bytes.has(at + 4, XMP)) {
          xmp = bytes.view(at + 4 + XMP.length, end);
        }
      }
      scan.readSegment(marker, at + 4, end);
      at = end;
      if (marker === START_OF_SCAN) {
        isBeforeScan = false;
        at = endOfScan(bytes, at);
      }
    }
  }
  const orientation = storedOrientation({ exif, xmp });
  const lacksEnd = !complete && scan.holdsEveryBlock();
  return {
    ...(size && { size }),
    ...(orientation && { orientation }),
    ...(exifMarks.length > 0 && { exifMarks }),
    ...(lacksEnd && { lacksEnd: true as const }),
    complete: complete || lacksEnd,
  };
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
