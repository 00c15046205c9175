/**
 * The orientation that a file's metadata states, by Pillow's rules (`Image.getexif`, `ImageOps.exif_transpose`): EXIF counts
 * first; XMP counts where EXIF says nothing. Browsers ignore XMP, and Chromium ignores EXIF in WebP.
 */
import { Bytes, CutShort } from '../image-headers/bytes.ts';
import { asOrientation, type Orientation } from './upright.ts';

/** Metadata blocks as they lie in a file: EXIF with or without its "Exif\0\0" prefix, XMP as XML. */
export interface Metadata {
  readonly exif?: Uint8Array | undefined;
  readonly xmp?: Uint8Array | undefined;
}

const ORIENTATION_TAG = 0x0112;

/** The orientation, or undefined when the metadata states none, an invalid one or 1. */
export function storedOrientation({ exif, xmp }: Metadata): Orientation | undefined {
  const stated = (exif && exifOrientation(exif)) ?? (xmp && xmpOrientation(xmp));
  const orientation = asOrientation(stated);
  return orientation === 1 ? undefined : orientation;
}

/** Tag 0x0112 of a TIFF structure's first directory (TIFF 6.0; BigTIFF). Also serves whole TIFF files. */
function exifOrientation(exif: Uint8Array): number | undefined {
  let start = 0;
  while (new Bytes(exif).has(start, 'Exif\0\0')) start += 6;
  const bytes = new Bytes(exif.subarray(start));
  let orientation: number | undefined;
  try {
    const isLittle = bytes.has(0, 'II');
    if (!isLittle && !bytes.has(0, 'MM')) return undefined;
    const u16 = (at: number): number => (isLittle ? bytes.u16le(at) : bytes.u16be(at));
    const u32 = (at: number): number => (isLittle ? bytes.u32le(at) : bytes.u32be(at));
    const u64 = (at: number): number => (isLittle ? u32(at) + u32(at + 4) * 2 ** 32 : u32(at) * 2 ** 32 + u32(at + 4));
    const isBig = u16(2) === 43;
    const directory = isBig ? u64(8) : u32(4);
    const count = isBig ? u64(directory) : u16(directory);
    const first = directory + (isBig ? 8 : 2);
    const entryBytes = isBig ? 20 : 12;
    for (let entry = first; entry < first + count * entryBytes; entry += entryBytes) {
      if (u16(entry) !== ORIENTATION_TAG) continue;
      const type = u16(entry + 2);
      const value = entry + (isBig ? 12 : 8);
      if (type === 1) orientation = bytes.u8(value);
      else if (type === 3) orientation = u16(value);
      else if (type === 4) orientation = u32(value);
    }
  } catch (thrown) {
    if (!(thrown instanceof CutShort)) throw thrown; // a directory that is cut short keeps the entries it has
  }
  return orientation;
}

/** The first `tiff:Orientation`, as an attribute or an element. */
function xmpOrientation(xmp: Uint8Array): number | undefined {
  const [, digit] = /tiff:Orientation(?:="|>)(\d)/.exec(new TextDecoder('latin1').decode(xmp)) ?? [];
  return digit === undefined ? undefined : Number(digit);
}
