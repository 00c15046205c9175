/** PNG: size from IHDR; complete when the chunks lead to IEND. Source: the PNG specification, section 5. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** Facts of a file that starts with PNG's signature. Throws CutShort when IHDR is not all there. */
export function readPng(bytes: Bytes): HeaderFacts {
  const size = { width: bytes.u32be(16), height: bytes.u32be(20) };
  let chunk = 8;
  while (chunk + 12 <= bytes.length) {
    if (bytes.has(chunk + 4, 'IEND')) return { size, complete: true };
    chunk += 12 + bytes.u32be(chunk); // length, type and CRC around the data
  }
  return { size, complete: false };
}
