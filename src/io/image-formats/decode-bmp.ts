/**
 * Windows and OS/2 bitmaps, which sharp does not decode, with Pillow's values: a fourth byte is alpha only where a mask says
 * so, and channels of fewer than 8 bits are scaled and rounded down.
 */
import type { RgbImage } from '../../shared/rgb-image.ts';
import { Bytes } from '../image-headers/bytes.ts';
import { BMP_BITFIELDS, BMP_RGB, BMP_RLE4, BMP_RLE8, type BmpLayout, readBmpLayout } from '../image-headers/bmp.ts';
import { decodeBmpRuns } from './bmp-runs.ts';

/** Decodes a file that `hasBmpHeader`; undefined for kinds that no bitmap decoder reads (JPEG or PNG inside, odd depths). */
export function decodeBmp(file: Uint8Array): RgbImage | undefined {
  const layout = readBmpLayout(new Bytes(file));
  const { width, height, bits, compression } = layout;
  const data = new Uint8Array(width * height * 3); // [height, width, 3]
  if (compression === BMP_RLE8 || compression === BMP_RLE4) {
    const indices = decodeBmpRuns(file.subarray(layout.pixelsAt), width, height, compression === BMP_RLE4);
    fromIndices(layout, file, data, (x, row) => indices[row * width + x] ?? 0);
  } else if (compression !== BMP_RGB && compression !== BMP_BITFIELDS) {
    return undefined;
  } else if ([1, 2, 4, 8].includes(bits)) {
    const mask = 2 ** bits - 1;
    fromIndices(layout, file, data, (x, row) => {
      const bit = x * bits;
      const byte = file[layout.pixelsAt + row * layout.rowBytes + (bit >> 3)] ?? 0;
      return (byte >> (8 - bits - (bit & 7))) & mask;
    });
  } else if ([16, 24, 32].includes(bits)) {
    fromMasks(layout, file, data);
  } else {
    return undefined;
  }
  return { width, height, data };
}

/** Looks each pixel up in the palette; indices past its end are black. `index` takes a column and a stored row. */
function fromIndices(
  layout: BmpLayout,
  file: Uint8Array,
  data: Uint8Array,
  index: (x: number, row: number) => number,
): void {
  const { width, height, isTopDown, paletteAt, paletteColors, paletteEntryBytes } = layout;
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = isTopDown ? y : height - 1 - y;
    for (let x = 0; x < width; x++) {
      const color = index(x, row);
      const from = paletteAt + color * paletteEntryBytes; // blue, green, red
      const isThere = color < paletteColors;
      data[to++] = isThere ? (file[from + 2] ?? 0) : 0;
      data[to++] = isThere ? (file[from + 1] ?? 0) : 0;
      data[to++] = isThere ? (file[from] ?? 0) : 0;
    }
  }
}

/** Unpacks each pixel's channels and composites it on white. */
function fromMasks(layout: BmpLayout, file: Uint8Array, data: Uint8Array): void {
  const { width, height, isTopDown, bits, masks, pixelsAt, rowBytes } = layout;
  const [red, green, blue, alpha] = masks.map(channelOf);
  if (red === undefined || green === undefined || blue === undefined || alpha === undefined) return;
  const pixelBytes = bits / 8;
  let to = 0;
  for (let y = 0; y < height; y++) {
    let from = pixelsAt + (isTopDown ? y : height - 1 - y) * rowBytes;
    for (let x = 0; x < width; x++, from += pixelBytes) {
      let pixel = 0;
      for (let i = pixelBytes - 1; i >= 0; i--) pixel = (pixel << 8) | (file[from + i] ?? 0);
      const opacity = alpha.most === 0 ? 255 : valueOf(pixel, alpha);
      data[to++] = onWhite(valueOf(pixel, red), opacity);
      data[to++] = onWhite(valueOf(pixel, green), opacity);
      data[to++] = onWhite(valueOf(pixel, blue), opacity);
    }
  }
}

/** Where a mask's bits begin, and their largest value. */
interface Channel {
  readonly shift: number;
  readonly most: number;
}

function channelOf(mask: number): Channel {
  if (mask === 0) return { shift: 0, most: 0 };
  const shift = 31 - Math.clz32(mask & -mask);
  return { shift, most: mask >>> shift };
}

function valueOf(pixel: number, { shift, most }: Channel): number {
  return most === 0 ? 0 : Math.floor((((pixel >>> shift) & most) * 255) / most);
}

function onWhite(value: number, opacity: number): number {
  return Math.round((value * opacity + 255 * (255 - opacity)) / 255);
}
