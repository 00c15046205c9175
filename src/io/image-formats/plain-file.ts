/**
 * Makes a file that every decoder reads alike: hides EXIF, since the orientation is applied here; drops animation where it
 * changes the first picture; restores a lost end marker, without which browsers refuse a file.
 */
import type { ImageHeader } from '../image-header.ts';
import { plainPng } from './plain-png.ts';

/** The file to decode. May change `file` in place. */
export function plainFile(file: Uint8Array<ArrayBuffer>, header: ImageHeader): Uint8Array<ArrayBuffer> {
  for (const at of header.exifMarks ?? []) file.set(HIDDEN, at);
  switch (header.type) {
    case 'png':
      return plainPng(file);
    case 'jpeg':
      return header.lacksEnd ? withEnd(file) : file;
    case 'avif':
      // libheif refuses sequences by their brand, although a still image (which has a size) is there too.
      if (header.size !== undefined) file.set(AVIF, 8);
      return file;
    default:
      return file;
  }
}

/** Stands in place of "Exif" and "EXIF". */
const HIDDEN = new TextEncoder().encode('none');

const AVIF = new TextEncoder().encode('avif');

function withEnd(jpeg: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(jpeg.length + 2);
  whole.set(jpeg);
  whole.set([0xff, 0xd9], jpeg.length);
  return whole;
}
