/** The items of an image file's `meta` box and where their data lies. Source: ISO/IEC 14496-12, 8.11.3 (iloc) and 8.11.6 (iinf). */
import type { Bytes } from './bytes.ts';
import { boxesAt, type IsoBox } from './iso-boxes.ts';

/** One item: the image, its alpha, EXIF, XMP and so on. */
export interface IsoItem {
  readonly id: number;
  /** Four characters, such as `av01`, `Exif` or `mime`; empty where the file states none. */
  readonly type: string;
  /** MIME type of `mime` items. */
  readonly contentType: string;
  /** Where the data lies in the file. */
  readonly extents: readonly { readonly start: number; readonly end: number }[];
}

/** All items that have data. Throws CutShort when the boxes are not whole. */
export function itemsOf(bytes: Bytes, meta: IsoBox): IsoItem[] {
  const root = { ...meta, start: meta.start + 4 }; // past version and flags
  const [data] = boxesAt(bytes, root, ['idat']);
  const [locations] = boxesAt(bytes, root, ['iloc']);
  if (locations === undefined) return [];
  const infos = itemInfos(bytes, root);
  return readLocations(bytes, locations, data?.start ?? 0).map(({ id, extents }) => {
    return { id, extents, type: infos.get(id)?.type ?? '', contentType: infos.get(id)?.contentType ?? '' };
  });
}

function itemInfos(bytes: Bytes, meta: IsoBox): Map<number, { type: string; contentType: string }> {
  const infos = new Map<number, { type: string; contentType: string }>();
  for (const list of boxesAt(bytes, meta, ['iinf'])) {
    const entries = list.start + (bytes.u8(list.start) === 0 ? 6 : 8); // the count grew with version 1
    for (const box of boxesAt(bytes, { ...list, start: entries }, ['infe'])) {
      const version = bytes.u8(box.start);
      if (version < 2) continue; // never used for images
      const id = version === 2 ? bytes.u16be(box.start + 4) : bytes.u32be(box.start + 4);
      const at = box.start + (version === 2 ? 8 : 10);
      const [, contentType = ''] = bytes.text(at + 4, box.end).split('\0'); // after the item's name
      infos.set(id, { type: bytes.text(at, at + 4), contentType });
    }
  }
  return infos;
}

/** Construction method 1 counts from the `idat` box's content, 0 from the file's start. */
function readLocations(bytes: Bytes, box: IsoBox, idat: number): Pick<IsoItem, 'id' | 'extents'>[] {
  const version = bytes.u8(box.start);
  const sizes = bytes.u16be(box.start + 4); // four numbers of four bits
  const offsetBytes = sizes >> 12;
  const lengthBytes = (sizes >> 8) & 15;
  const baseBytes = (sizes >> 4) & 15;
  const indexBytes = version === 0 ? 0 : sizes & 15;
  const idBytes = version < 2 ? 2 : 4;
  let at = box.start + 6;
  const next = (count: number): number => {
    at += count;
    return bytes.uintBe(at - count, count);
  };
  const items: Pick<IsoItem, 'id' | 'extents'>[] = [];
  for (let left = next(idBytes); left > 0; left--) {
    const id = next(idBytes);
    const method = version === 0 ? 0 : next(2) & 15;
    next(2); // which file the data lies in: this one
    const base = next(baseBytes) + (method === 1 ? idat : 0);
    const extents: { start: number; end: number }[] = [];
    for (let extent = next(2); extent > 0; extent--) {
      next(indexBytes);
      const start = base + next(offsetBytes);
      const length = next(lengthBytes);
      extents.push({ start, end: length === 0 ? bytes.length : start + length });
    }
    if (method < 2) items.push({ id, extents }); // method 2 is made of other items
  }
  return items;
}
