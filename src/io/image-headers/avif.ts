/** AVIF and HEIC: size from the largest `ispe` box; complete when all top-level boxes are. Source: ISO/IEC 14496-12, 23008-12. */
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** A box's type and where its content lies. */
interface Box {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** Facts of a file whose first box is `ftyp`. A grid image states the whole image's size beside its tiles': the largest counts. */
export function readAvif(bytes: Bytes): HeaderFacts {
  const top = [...boxes(bytes, 0, bytes.length)];
  const isThere = (wanted: string): boolean => top.some(({ type }) => type === wanted);
  const complete = isThere('meta') && isThere('mdat') && top.every(({ end }) => end <= bytes.length);
  let size: HeaderFacts['size'];
  for (const meta of top.filter(({ type }) => type === 'meta')) {
    for (const box of within(bytes, { ...meta, start: meta.start + 4 }, ['iprp', 'ipco', 'ispe'])) {
      const stated = { width: bytes.u32be(box.start + 4), height: bytes.u32be(box.start + 8) };
      if (size === undefined || stated.width * stated.height > size.width * size.height) size = stated;
    }
  }
  return { ...(size && { size }), complete };
}

/** All boxes at the end of a path of types inside `parent`. */
function within(bytes: Bytes, parent: Box, path: readonly string[]): Box[] {
  const [type, ...rest] = path;
  if (type === undefined) return [parent];
  const children = [...boxes(bytes, parent.start, Math.min(parent.end, bytes.length))];
  return children.filter((box) => box.type === type).flatMap((box) => within(bytes, box, rest));
}

/** The boxes between two offsets; the last one may reach past `end` when the file was cut. */
function* boxes(bytes: Bytes, from: number, end: number): Generator<Box> {
  let at = from;
  while (at + 8 <= end) {
    let length = bytes.u32be(at);
    let header = 8;
    if (length === 1) {
      length = bytes.u32be(at + 8) * 2 ** 32 + bytes.u32be(at + 12);
      header = 16;
    } else if (length === 0) {
      length = end - at; // to the end of the file
    }
    if (length < header) return;
    yield { type: bytes.text(at + 4, at + 8), start: at + header, end: at + length };
    at += length;
  }
}
