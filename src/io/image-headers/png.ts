/** PNG: size from IHDR, orientation from eXIf or text chunks. Source: the PNG specification (W3C, third edition). */
import { type Metadata, storedOrientation } from '../image-orientation/stored-orientation.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';
import { inflate } from './inflate.ts';
import { type PngChunk, pngChunks, pngImageData, pngRowBytes, pngText } from './png-chunks.ts';

/**
 * Facts of a file that starts with PNG's signature. A file without IEND is complete when its data inflates to every row.
 * Throws CutShort when IHDR is not whole.
 */
export function readPng(bytes: Bytes): HeaderFacts {
  const size = { width: bytes.u32be(16), height: bytes.u32be(20) };
  const chunks = pngChunks(bytes);
  const orientation = storedOrientation(metadataOf(bytes, chunks));
  const complete = chunks.at(-1)?.type === 'IEND' || holdsEveryRow(bytes, chunks);
  return { size, ...(orientation && { orientation }), complete };
}

/** Whether the compressed pixels are whole but for the checksum at their end, which `plainPng` restores. */
function holdsEveryRow(bytes: Bytes, chunks: readonly PngChunk[]): boolean {
  const needed = pngRowBytes(bytes);
  const { length, end } = inflate(pngImageData(bytes, chunks), needed);
  return length === needed && end !== undefined;
}

/** EXIF lies in an eXIf chunk or, by ImageMagick's older custom, as hexadecimal text. Later chunks replace earlier ones. */
function metadataOf(bytes: Bytes, chunks: readonly PngChunk[]): Metadata {
  let exif: Uint8Array | undefined;
  let profile: Uint8Array | undefined;
  let xmp: Uint8Array | undefined;
  for (const chunk of chunks) {
    if (chunk.type === 'eXIf') exif = bytes.view(chunk.start, chunk.end);
    const text = pngText(bytes, chunk);
    if (text?.keyword === 'XML:com.adobe.xmp') xmp = text.content;
    else if (text?.keyword === 'Raw profile type exif') profile = profileBytes(text.content);
  }
  return { exif: exif ?? profile, xmp };
}

/** The bytes of a raw profile: a blank line, its name, its length, then hexadecimal digits. */
function profileBytes(content: Uint8Array): Uint8Array {
  const digits = new TextDecoder('latin1').decode(content).split('\n').slice(3).join('').replace(/\s/g, '');
  return Uint8Array.from(digits.match(/[\da-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16));
}
