/** The boxes of an ISO base media file. Source: ISO/IEC 14496-12, section 4.2. */
import type { Bytes } from './bytes.ts';

/** A box's type and where its content lies. */
export interface IsoBox {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** The boxes between two offsets. The last one may reach past `end`: the file was cut, or something else follows its boxes. */
export function boxes(bytes: Bytes, from: number, end: number): IsoBox[] {
  const found: IsoBox[] = [];
  for (let at = from; at + 8 <= Math.min(end, bytes.length);) {
    let length = bytes.u32be(at);
    let header = 8;
    if (length === 1) {
      length = bytes.uintBe(at + 8, 8);
      header = 16;
    } else if (length === 0) {
      length = end - at; // to the end of the file
    }
    if (length < header) break;
    found.push({ type: bytes.text(at + 4, at + 8), start: at + header, end: at + length });
    at += length;
  }
  return found;
}

/** All boxes at the end of a path of types inside `parent`. */
export function boxesAt(bytes: Bytes, parent: IsoBox, path: readonly string[]): IsoBox[] {
  const [type, ...rest] = path;
  if (type === undefined) return [parent];
  const children = boxes(bytes, parent.start, parent.end);
  return children.filter((box) => box.type === type).flatMap((box) => boxesAt(bytes, box, rest));
}
