/**
 * What the first bytes of an image file say: its type, its size in pixels, and whether the file is all there. Decodes
 * nothing. Decoders ask here first, so that a huge image is refused before any memory is taken, and a file that was cut
 * short is refused although a browser would draw the part that is there.
 */
import { looksLikeSvg, SVG_LOOK_BYTES } from '../shared/svg.ts';
import { readAvif } from './image-headers/avif.ts';
import { Bytes, CutShort } from './image-headers/bytes.ts';
import { readGif } from './image-headers/gif.ts';
import type { HeaderFacts } from './image-headers/header-facts.ts';
import { readJpeg } from './image-headers/jpeg.ts';
import { readPng } from './image-headers/png.ts';
import { readWebp } from './image-headers/webp.ts';

/** File types that are told apart. `heic` cannot be decoded anywhere here, `svg` only outside workers. */
export type ImageType = 'png' | 'jpeg' | 'gif' | 'webp' | 'bmp' | 'avif' | 'heic' | 'tiff' | 'svg';

/** What could be learnt from a file without decoding it. The size is before any EXIF rotation. */
export interface ImageHeader extends HeaderFacts {
  readonly type: ImageType;
}

const readers: readonly { type: ImageType; matches(bytes: Bytes): boolean; read(bytes: Bytes): HeaderFacts }[] = [
  { type: 'png', matches: (bytes) => bytes.has(0, '\x89PNG\r\n\x1a\n'), read: readPng },
  { type: 'jpeg', matches: (bytes) => bytes.has(0, '\xff\xd8\xff'), read: readJpeg },
  { type: 'gif', matches: (bytes) => bytes.has(0, 'GIF87a') || bytes.has(0, 'GIF89a'), read: readGif },
  { type: 'webp', matches: (bytes) => bytes.has(0, 'RIFF') && bytes.has(8, 'WEBP'), read: readWebp },
  { type: 'avif', matches: (bytes) => isBrand(bytes, ['avif', 'avis']), read: readAvif },
  { type: 'heic', matches: (bytes) => isBrand(bytes, ['heic', 'heix', 'hevc', 'heim', 'mif1']), read: readAvif },
  {
    type: 'tiff',
    matches: (bytes) => bytes.has(0, 'II*\0') || bytes.has(0, 'MM\0*'),
    read: () => ({ complete: true }),
  },
  { type: 'bmp', matches: (bytes) => bytes.has(0, 'BM') && bytes.has(6, '\0\0\0\0'), read: readBmp },
  { type: 'svg', matches: (bytes) => looksLikeSvg(bytes.text(0, SVG_LOOK_BYTES)), read: () => ({ complete: true }) },
];

/** Reads the header of a whole file; undefined when it is none of the known types. Never throws for bad bytes. */
export function readImageHeader(file: Uint8Array): ImageHeader | undefined {
  const bytes = new Bytes(file);
  const reader = readers.find(({ matches }) => matches(bytes));
  if (reader === undefined) return undefined;
  try {
    return { type: reader.type, ...reader.read(bytes) };
  } catch (thrown) {
    if (thrown instanceof CutShort) return { type: reader.type, complete: false };
    throw thrown;
  }
}

/** Whether the file's major brand is one of these; where that says no more than "image", one of its compatible brands. */
function isBrand(bytes: Bytes, brands: readonly string[]): boolean {
  if (!bytes.has(4, 'ftyp')) return false;
  const isAt = (offset: number): boolean => brands.some((brand) => bytes.has(offset, brand));
  if (!bytes.has(8, 'mif1')) return isAt(8);
  const end = Math.min(bytes.u32be(0), bytes.length, 256);
  for (let offset = 16; offset + 4 <= end; offset += 4) if (isAt(offset)) return true;
  return isAt(8);
}

/** Windows bitmap: BITMAPINFOHEADER at 14, height negative when rows run top to bottom. */
function readBmp(bytes: Bytes): HeaderFacts {
  if (bytes.u32le(14) < 40) return { complete: true }; // the OS/2 header; left to the decoder
  const size = { width: bytes.u32le(18), height: Math.abs(bytes.u32le(22) | 0) };
  const rowBytes = Math.ceil((size.width * bytes.u16le(28)) / 32) * 4;
  const compressed = bytes.u32le(30) !== 0 && bytes.u32le(30) !== 3;
  return { size, complete: compressed || bytes.u32le(10) + rowBytes * size.height <= bytes.length };
}
