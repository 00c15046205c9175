/**
 * Reads the header of an image file: its type, its size in pixels, its orientation, and whether the image is
 * complete. Decodes no pixels. Decoders ask here first: a huge image has to be refused before it takes memory, and a file that
 * was cut short has to be refused although a browser would draw the part that is there.
 */
import { looksLikeSvg, SVG_LOOK_BYTES } from '../shared/svg.ts';
import { readAvif } from './image-headers/avif.ts';
import { hasBmpHeader, readBmp } from './image-headers/bmp.ts';
import { Bytes, CutShort } from './image-headers/bytes.ts';
import { readGif } from './image-headers/gif.ts';
import type { HeaderFacts } from './image-headers/header-facts.ts';
import { isAvif, isHeic } from './image-headers/iso-brands.ts';
import { readJpeg } from './image-headers/jpeg.ts';
import { readPng } from './image-headers/png.ts';
import { isTiff, readTiff } from './image-headers/tiff.ts';
import { readWebp } from './image-headers/webp.ts';

/** File types that are distinguished. `heic` cannot be decoded anywhere here, `svg` only outside workers. */
export type ImageType = 'png' | 'jpeg' | 'gif' | 'webp' | 'bmp' | 'avif' | 'heic' | 'tiff' | 'svg';

/** The facts that a file states. */
export interface ImageHeader extends HeaderFacts {
  readonly type: ImageType;
}

const readers: readonly { type: ImageType; matches(bytes: Bytes): boolean; read(bytes: Bytes): HeaderFacts }[] = [
  { type: 'png', matches: (bytes) => bytes.has(0, '\x89PNG\r\n\x1a\n'), read: readPng },
  { type: 'jpeg', matches: (bytes) => bytes.has(0, '\xff\xd8\xff'), read: readJpeg },
  { type: 'gif', matches: (bytes) => bytes.has(0, 'GIF87a') || bytes.has(0, 'GIF89a'), read: readGif },
  { type: 'webp', matches: (bytes) => bytes.has(0, 'RIFF') && bytes.has(8, 'WEBP'), read: readWebp },
  { type: 'avif', matches: isAvif, read: readAvif },
  { type: 'heic', matches: isHeic, read: readAvif },
  { type: 'tiff', matches: isTiff, read: readTiff },
  { type: 'bmp', matches: hasBmpHeader, read: readBmp },
  { type: 'svg', matches: (bytes) => looksLikeSvg(bytes.text(0, SVG_LOOK_BYTES)), read: () => ({ complete: true }) },
];

/** Reads the header of a whole file; undefined for an unknown type. Never throws for bad bytes. */
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
