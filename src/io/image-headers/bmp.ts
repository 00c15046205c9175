/** BMP: Windows and OS/2 bitmaps. Source: Microsoft, "Bitmap Header Types" (wingdi.h), and OS/2's BITMAPCOREHEADER. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** The storage formats of a bitmap's pixels. */
export const BMP_RGB = 0;
export const BMP_RLE8 = 1;
export const BMP_RLE4 = 2;
export const BMP_BITFIELDS = 3;

/** How a bitmap is stored. Offsets and lengths in bytes. */
export interface BmpLayout {
  readonly width: number;
  readonly height: number;
  /** Rows run top to bottom; most files store the bottom row first. */
  readonly isTopDown: boolean;
  readonly bits: number;
  readonly compression: number;
  /** Red, green, blue and alpha of a pixel; alpha 0 where there is none. */
  readonly masks: readonly [number, number, number, number];
  readonly paletteAt: number;
  readonly paletteColors: number;
  /** 3 in the oldest header, else 4. */
  readonly paletteEntryBytes: number;
  readonly pixelsAt: number;
  readonly rowBytes: number;
}

const CORE_HEADER = 12;
const INFO_HEADER = 40;

/** Whether a file that starts with "BM" continues like a bitmap: with a known header length. */
export function hasBmpHeader(bytes: Bytes): boolean {
  if (!bytes.has(0, 'BM') || bytes.length < 18) return false;
  return [CORE_HEADER, 16, INFO_HEADER, 52, 56, 64, 108, 124].includes(bytes.u32le(14));
}

/** Facts of a file that `hasBmpHeader`. Decoders need no padding after the last row. */
export function readBmp(bytes: Bytes): HeaderFacts {
  const layout = readBmpLayout(bytes);
  const { width, height, bits, rowBytes, pixelsAt } = layout;
  const end = pixelsAt + rowBytes * (height - 1) + Math.ceil((width * bits) / 8);
  const isStoredPlain = layout.compression === BMP_RGB || layout.compression === BMP_BITFIELDS;
  return { size: { width, height }, complete: isStoredPlain ? end <= bytes.length : pixelsAt < bytes.length };
}

/** Reads the header. Throws CutShort past the end of the file. */
export function readBmpLayout(bytes: Bytes): BmpLayout {
  const header = bytes.u32le(14);
  const isCore = header === CORE_HEADER;
  const width = isCore ? bytes.u16le(18) : bytes.u32le(18);
  const signed = isCore ? bytes.u16le(20) : bytes.u32le(22) | 0;
  const bits = isCore ? bytes.u16le(24) : bytes.u16le(28);
  const compression = header < INFO_HEADER ? BMP_RGB : bytes.u32le(30);
  const masksAfter = header === INFO_HEADER && compression === BMP_BITFIELDS ? 12 : 0;
  const paletteEntryBytes = isCore ? 3 : 4;
  const paletteColors = bits > 8 ? 0 : (header < INFO_HEADER ? 0 : bytes.u32le(46)) || 2 ** bits;
  const paletteAt = 14 + header + masksAfter;
  const afterPalette = paletteAt + paletteColors * paletteEntryBytes;
  const stated = bytes.u32le(10);
  return {
    width,
    height: Math.abs(signed),
    isTopDown: signed < 0,
    bits,
    compression,
    masks: compression === BMP_BITFIELDS ? readMasks(bytes, header) : (MASKS.get(bits) ?? [0, 0, 0, 0]),
    paletteAt,
    paletteColors,
    paletteEntryBytes,
    // Some files state an offset right after the header and overlook the palette.
    pixelsAt: stated === 0 || (bits <= 8 && stated === 14 + header) ? afterPalette : stated,
    rowBytes: Math.ceil((width * bits) / 32) * 4,
  };
}

/** The channel masks of pixels without masks in the file. A fourth byte is not alpha. */
const MASKS = new Map<number, BmpLayout['masks']>([
  [16, [0x7c00, 0x3e0, 0x1f, 0]],
  [24, [0xff0000, 0xff00, 0xff, 0]],
  [32, [0xff0000, 0xff00, 0xff, 0]],
]);

/** Masks lie at 54 in every header, or right after the shortest; alpha needs a header long enough to hold it. */
function readMasks(bytes: Bytes, header: number): BmpLayout['masks'] {
  const masks = [bytes.u32le(54), bytes.u32le(58), bytes.u32le(62), header >= 56 ? bytes.u32le(66) : 0] as const;
  const isUnstated = masks.every((mask) => mask === 0);
  return isUnstated ? [0xff0000, 0xff00, 0xff, 0xff000000] : masks; // as Pillow does
}
