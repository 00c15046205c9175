/**
 * The first frame of a GIF as Pillow shows it: the part of the screen outside the frame takes the transparent colour or, where
 * there is none, palette entry 0. Browsers leave it transparent, and libvips makes it black.
 */
import type { RgbImage } from '../../shared/rgb-image.ts';
import { Bytes, CutShort } from '../image-headers/bytes.ts';
import { type GifFrame, readGifFrame } from '../image-headers/gif.ts';
import { decodeLzw } from './gif-lzw.ts';

/** First row and row step of the four passes of an interlaced frame. Source: GIF89a specification, appendix E. */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

/** Decodes a file that starts with GIF's signature. Throws CutShort when the frame's pixels are not all there. */
export function decodeGif(file: Uint8Array): RgbImage {
  const bytes = new Bytes(file);
  const frame = readGifFrame(bytes);
  const { width, height, left, top, frameWidth, frameHeight } = frame;
  const indices = new Uint8Array(frameWidth * frameHeight);
  if (indices.length === 0 || decodeLzw(bytes, frame.dataAt, indices) < indices.length) throw new CutShort();

  const colors = colorsOf(frame); // [256, 3]
  const data = new Uint8Array(width * height * 3);
  if (indices.length < width * height) fill(data, colors, frame.transparent ?? 0);
  let from = 0;
  for (const y of rowOrder(frame)) {
    let to = ((top + y) * width + left) * 3;
    for (let x = 0; x < frameWidth; x++) {
      const color = (indices[from++] ?? 0) * 3;
      data[to] = colors[color] ?? 0;
      data[to + 1] = colors[color + 1] ?? 0;
      data[to + 2] = colors[color + 2] ?? 0;
      to += 3;
    }
  }
  return { width, height, data };
}

/** The palette on white. Indices past its end are black; a file without a palette holds grey values. */
function colorsOf({ palette, transparent }: GifFrame): Uint8Array {
  const colors = new Uint8Array(256 * 3);
  if (palette === undefined) for (let i = 0; i < colors.length; i++) colors[i] = Math.floor(i / 3);
  else colors.set(palette);
  if (transparent !== undefined) colors.fill(255, transparent * 3, transparent * 3 + 3);
  return colors;
}

function fill(data: Uint8Array, colors: Uint8Array, index: number): void {
  for (let i = 0; i < data.length; i++) data[i] = colors[index * 3 + (i % 3)] ?? 0;
}

/** The rows of the frame in the order in which they are stored. */
function* rowOrder({ frameHeight, isInterlaced }: GifFrame): Generator<number> {
  for (const [first, step] of isInterlaced ? PASSES : ([[0, 1]] as const)) {
    for (let y = first; y < frameHeight; y += step) yield y;
  }
}
