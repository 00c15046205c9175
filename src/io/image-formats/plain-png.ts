/**
 * Makes a PNG that every decoder reads alike. Removes animation chunks, since browsers would show the first frame where Pillow and sharp
 * show the default image; removes EXIF, since the orientation is applied here; restores a lost end, since browsers demand it.
 */
import { Bytes } from '../image-headers/bytes.ts';
import { inflate } from '../image-headers/inflate.ts';
import { pngChunks, pngImageData, pngRowBytes } from '../image-headers/png-chunks.ts';

/** Chunks that change what a decoder shows. Source: the PNG specification (third edition), sections 11.3.4 and 11.3.6. */
const LEFT_OUT = new Set(['acTL', 'fcTL', 'fdAT', 'eXIf']);

/** Returns the same bytes where nothing has to change; else a copy. `file` holds every row, with or without the chunks' ends. */
export function plainPng(file: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = new Bytes(file);
  const chunks = pngChunks(bytes);
  const isWhole = chunks.at(-1)?.type === 'IEND' && (chunks.at(-1)?.end ?? 0) + 4 <= file.length;
  if (isWhole && !chunks.some(({ type }) => LEFT_OUT.has(type))) return file;

  const parts = [file.subarray(0, 8)];
  const lastData = chunks.findLast(({ type }) => type === 'IDAT');
  if (lastData !== undefined && lastData.end + 4 > file.length) {
    for (const { type, start, end } of chunks) {
      if (!LEFT_OUT.has(type) && type !== 'IDAT' && end + 4 <= file.length)
        parts.push(file.subarray(start - 8, end + 4));
    }
    parts.push(pngChunk('IDAT', mendedStream(bytes)));
  } else {
    for (const { type, start, end } of chunks) {
      if (!LEFT_OUT.has(type) && type !== 'IEND' && end + 4 <= file.length)
        parts.push(file.subarray(start - 8, end + 4));
    }
  }
  parts.push(pngChunk('IEND', new Uint8Array(0)));
  return joined(parts);
}

/** The compressed pixels with the Adler-32 that may be cut off their end. */
function mendedStream(bytes: Bytes): Uint8Array<ArrayBuffer> {
  const data = pngImageData(bytes, pngChunks(bytes));
  const { adler, end } = inflate(data, pngRowBytes(bytes));
  const checksum = new Uint8Array(4);
  new DataView(checksum.buffer).setUint32(0, adler);
  return joined([data.slice(0, end), checksum]);
}

function pngChunk(type: string, data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const chunk = new Uint8Array(12 + data.length);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, data.length);
  chunk.set(new TextEncoder().encode(type), 4);
  chunk.set(data, 8);
  view.setUint32(8 + data.length, crc32(chunk.subarray(4, 8 + data.length)));
  return chunk;
}

/** CRC-32 of a chunk's type and data. Source: the PNG specification, annex D. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function joined(parts: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
