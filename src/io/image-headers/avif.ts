/**
 * AVIF and HEIC: size from the largest `ispe` box; complete when the data of every item is there. Decoders apply the
 * rotation (`irot`, `imir`) themselves and ignore EXIF's, as Pillow does. Source: ISO/IEC 14496-12 and 23008-12.
 */
import { storedOrientation } from '../image-orientation/stored-orientation.ts';
import { boxes, boxesAt, type IsoBox } from './iso-boxes.ts';
import { itemsOf, type IsoItem } from './iso-items.ts';
import type { Bytes } from './bytes.ts';
import type { HeaderFacts } from './header-facts.ts';

/** Facts of a file whose first box is `ftyp`. A grid image states the whole image's size beside its tiles': the largest counts. */
export function readAvif(bytes: Bytes): HeaderFacts {
  const top = boxes(bytes, 0, bytes.length);
  const meta = top.find(({ type }) => type === 'meta');
  if (meta === undefined) return { complete: top.every(({ end }) => end <= bytes.length) && top.some(isMovie) };
  const properties = boxesAt(bytes, { ...meta, start: meta.start + 4 }, ['iprp', 'ipco']);
  let size: HeaderFacts['size'];
  for (const parent of properties) {
    for (const box of boxesAt(bytes, parent, ['ispe'])) {
      const stated = { width: bytes.u32be(box.start + 4), height: bytes.u32be(box.start + 8) };
      if (size === undefined || stated.width * stated.height > size.width * size.height) size = stated;
    }
  }
  if (meta.end > bytes.length) return { ...(size && { size }), complete: false };

  const items = itemsOf(bytes, meta);
  const rotates = properties.some((parent) =>
    boxes(bytes, parent.start, parent.end).some(({ type }) => type === 'irot' || type === 'imir'),
  );
  const orientation = rotates ? undefined : xmpOrientation(bytes, items);
  const complete = items.length > 0 && items.every(({ extents }) => extents.every(({ end }) => end <= bytes.length));
  return { ...(size && { size }), ...(orientation && { orientation }), complete };
}

/** What XMP states counts where there is no EXIF, which stands for "upright" here. */
function xmpOrientation(bytes: Bytes, items: readonly IsoItem[]): HeaderFacts['orientation'] {
  if (items.some(({ type }) => type === 'Exif')) return undefined;
  const xmp = items.find(({ contentType }) => contentType === 'application/rdf+xml');
  const [extent] = xmp?.extents ?? [];
  return extent && storedOrientation({ xmp: bytes.view(extent.start, extent.end) });
}

function isMovie({ type }: IsoBox): boolean {
  return type === 'moov';
}
