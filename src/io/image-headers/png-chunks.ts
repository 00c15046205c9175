/** The chunks of a PNG. Source: the PNG specification (W3C, third edition), section 5. */
import { type Bytes, CutShort } from './bytes.ts';
import { inflate } from './inflate.ts';

/** One chunk: its type, and its data at `[start, end)`. */
export interface PngChunk {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** The chunks after the signature, up to and with IEND. The last one may reach past the end of a file that was cut. */
export function pngChunks(bytes: Bytes): PngChunk[] {
  const chunks: PngChunk[] = [];
  for (let at = 8; at + 8 <= bytes.length;) {
    const chunk = { type: bytes.text(at + 4, at + 8), start: at + 8, end: at + 8 + bytes.u32be(at) };
    chunks.push(chunk);
    if (chunk.type === 'IEND') break;
    at = chunk.end + 4; // past the CRC
  }
  return chunks;
}

/** The compressed pixels of the default image, one stream over all IDAT chunks. */
export function pngImageData(bytes: Bytes, chunks: readonly PngChunk[]): Uint8Array {
  const pieces = chunks.filter(({ type }) => type === 'IDAT').map(({ start, end }) => bytes.view(start, end));
  const data = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    data.set(piece, at);
    at += piece.length;
  }
  return data;
}

/** Samples a pixel has, by colour type. */
const SAMPLES = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

/** The seven passes of an interlaced PNG: first column, first row, column step, row step. Source: section 8.1. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of all rows with their filter bytes, as the compressed pixels inflate to. Throws CutShort without a whole IHDR. */
export function pngRowBytes(bytes: Bytes): number {
  const width = bytes.u32be(16);
  const height = bytes.u32be(20);
  const bits = bytes.u8(24) * (SAMPLES.get(bytes.u8(25)) ?? 0);
  const passes = bytes.u8(28) === 1 ? PASSES : ([[0, 0, 1, 1]] as const);
  let total = 0;
  for (const [left, top, across, down] of passes) {
    const columns = Math.ceil((width - left) / across);
    const rows = Math.ceil((height - top) / down);
    if (columns > 0 && rows > 0) total += rows * (1 + Math.ceil((columns * bits) / 8));
  }
  return total;
}

/** Longest text that is inflated, in bytes: no EXIF or XMP comes near it. */
const MOST_TEXT_BYTES = 1 << 22;

/** The keyword and content of a tEXt, zTXt or iTXt chunk; undefined for other and damaged chunks. */
export function pngText(bytes: Bytes, chunk: PngChunk): { keyword: string; content: Uint8Array } | undefined {
  if (!['tEXt', 'zTXt', 'iTXt'].includes(chunk.type)) return undefined;
  const end = Math.min(chunk.end, bytes.length);
  const afterZero = (from: number): number => {
    const zero = bytes.find(0, from);
    if (zero < 0 || zero >= end) throw new CutShort();
    return zero + 1;
  };
  try {
    const afterKeyword = afterZero(chunk.start);
    const keyword = bytes.text(chunk.start, afterKeyword - 1);
    if (chunk.type === 'tEXt') return { keyword, content: bytes.view(afterKeyword, end) };
    if (chunk.type === 'zTXt') return { keyword, content: inflated(bytes.view(afterKeyword + 1, end)) };
    const content = bytes.view(afterZero(afterZero(afterKeyword + 2)), end); // past language and translated keyword
    return { keyword, content: bytes.u8(afterKeyword) === 0 ? content : inflated(content) };
  } catch (thrown) {
    if (thrown instanceof CutShort) return undefined;
    throw thrown;
  }
}

function inflated(zlib: Uint8Array): Uint8Array {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const { length } = inflate(zlib, MOST_TEXT_BYTES, (piece) => pieces.push(piece.slice()));
  const content = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    content.set(piece, at);
    at += piece.length;
  }
  return content;
}
