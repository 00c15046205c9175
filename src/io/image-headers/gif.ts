/** GIF: size from the logical screen and the first frame. Source: the GIF89a specification. */
import { type Bytes, CutShort } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

const EXTENSION = 0x21;
const IMAGE = 0x2c;
const TRAILER = 0x3b;
const GRAPHIC_CONTROL = 0xf9;

/** The first frame with its palette and transparency. */
export interface GifFrame {
  /** Pixels of the whole image: the logical screen, or the frame where that reaches further, as in Pillow. */
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly frameWidth: number;
  readonly frameHeight: number;
  readonly isInterlaced: boolean;
  /** RGB, 3 bytes a colour; undefined where the file has none. */
  readonly palette: Uint8Array | undefined;
  /** The palette index that is transparent. */
  readonly transparent: number | undefined;
  /** Where the compressed data starts, at its minimum code size. */
  readonly dataAt: number;
}

/** Facts of a file that starts with GIF's signature. The decoder finds out whether every pixel is there. */
export function readGif(bytes: Bytes): HeaderFacts {
  const { width, height, dataAt } = readGifFrame(bytes);
  return { size: { width, height }, complete: dataAt < bytes.length };
}

/** Finds the first frame. Later frames do not matter: only the first is shown. Throws CutShort where there is none. */
export function readGifFrame(bytes: Bytes): GifFrame {
  const screen = bytes.u8(10);
  let at = 13 + paletteLength(screen);
  const globalPalette = paletteAt(bytes, 13, screen);
  let transparent: number | undefined;
  for (;;) {
    const block = bytes.u8(at++); // other bytes than these three are passed over, as Pillow does
    if (block === TRAILER) throw new CutShort();
    if (block === EXTENSION) {
      if (bytes.u8(at) === GRAPHIC_CONTROL && bytes.u8(at + 1) >= 4) {
        if (bytes.u8(at + 2) & 1) transparent = bytes.u8(at + 5);
      }
      at = endOfSubBlocks(bytes, at + 1);
    } else if (block === IMAGE) {
      const left = bytes.u16le(at);
      const top = bytes.u16le(at + 2);
      const frameWidth = bytes.u16le(at + 4);
      const frameHeight = bytes.u16le(at + 6);
      const packed = bytes.u8(at + 8);
      return {
        width: Math.max(bytes.u16le(6), left + frameWidth),
        height: Math.max(bytes.u16le(8), top + frameHeight),
        left,
        top,
        frameWidth,
        frameHeight,
        isInterlaced: (packed & 0x40) !== 0,
        palette: paletteAt(bytes, at + 9, packed) ?? globalPalette,
        transparent,
        dataAt: at + 9 + paletteLength(packed),
      };
    }
  }
}

/** Whether the file goes on until its last frame ends: an animation that was cut short does not. */
export function isGifWhole(bytes: Bytes): boolean {
  try {
    let at = 13 + paletteLength(bytes.u8(10));
    while (at < bytes.length) {
      const block = bytes.u8(at++);
      if (block === TRAILER) return true;
      if (block === EXTENSION) at = endOfSubBlocks(bytes, at + 1);
      if (block === IMAGE) at = endOfSubBlocks(bytes, at + 10 + paletteLength(bytes.u8(at + 8)));
    }
    return true;
  } catch (thrown) {
    if (thrown instanceof CutShort) return false;
    throw thrown;
  }
}

/** One past the empty block that ends a series. Throws CutShort where there is none. */
function endOfSubBlocks(bytes: Bytes, start: number): number {
  let at = start;
  for (;;) {
    const length = bytes.u8(at);
    at += 1 + length;
    if (length === 0) return at;
  }
}

function paletteAt(bytes: Bytes, at: number, packed: number): Uint8Array | undefined {
  const length = paletteLength(packed);
  return length === 0 ? undefined : bytes.view(at, at + length);
}

/** Bytes of the palette that a packed field announces. */
function paletteLength(packed: number): number {
  return packed & 0x80 ? 3 << ((packed & 7) + 1) : 0;
}
