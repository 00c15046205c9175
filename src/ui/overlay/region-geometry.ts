/** Rectangles that a person draws on a picture: whole pixels of it, inside it, at least one each way. Pure. */
import type { PixelRegion } from '../../shared/image-request.ts';

/** A place on the picture in its pixels, not necessarily whole ones or inside. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Width and height in pixels. */
export type Size = Pick<PixelRegion, 'width' | 'height'>;

/** A corner of a rectangle. */
export type Corner = 'nw' | 'ne' | 'sw' | 'se';

/** The rectangle between two opposite corners, rounded outwards and clipped. */
export function regionBetween(a: Place, b: Place, size: Size): PixelRegion {
  const [left, width] = span(a.x, b.x, size.width);
  const [top, height] = span(a.y, b.y, size.height);
  return { left, top, width, height };
}

/** The rectangle shifted by so many pixels, as far as the picture goes. */
export function moved({ left, top, width, height }: PixelRegion, by: Place, size: Size): PixelRegion {
  return {
    left: clamped(Math.round(left + by.x), 0, size.width - width),
    top: clamped(Math.round(top + by.y), 0, size.height - height),
    width,
    height,
  };
}

/** The rectangle with one corner elsewhere; the opposite one stays. */
export function withCorner(
  { left, top, width, height }: PixelRegion,
  corner: Corner,
  to: Place,
  size: Size,
): PixelRegion {
  const opposite = {
    x: corner === 'nw' || corner === 'sw' ? left + width : left,
    y: corner === 'nw' || corner === 'ne' ? top + height : top,
  };
  return regionBetween(opposite, to, size);
}

/** The place of a corner. */
export function cornerOf({ left, top, width, height }: PixelRegion, corner: Corner): Place {
  return {
    x: corner === 'ne' || corner === 'se' ? left + width : left,
    y: corner === 'sw' || corner === 'se' ? top + height : top,
  };
}

/** The rectangle with one of its numbers replaced by the nearest that fits. */
export function withNumber(region: PixelRegion, name: keyof PixelRegion, value: number, size: Size): PixelRegion {
  const { least, most } = numberLimits(region, name, size);
  return { ...region, [name]: clamped(Math.round(value), least, most) };
}

/** What one of a rectangle's numbers may be while the others stay. */
export function numberLimits(
  { left, top, width, height }: PixelRegion,
  name: keyof PixelRegion,
  size: Size,
): { readonly least: number; readonly most: number } {
  const most = {
    left: size.width - width,
    top: size.height - height,
    width: size.width - left,
    height: size.height - top,
  }[name];
  return { least: name === 'left' || name === 'top' ? 0 : 1, most };
}

/** The middle half of a picture, each way. */
export function middleOf({ width, height }: Size): PixelRegion {
  const [quarterX, quarterY] = [width / 4, height / 4];
  return regionBetween({ x: quarterX, y: quarterY }, { x: 3 * quarterX, y: 3 * quarterY }, { width, height });
}

/** First pixel and number of pixels between two places on a side. */
function span(a: number, b: number, side: number): readonly [number, number] {
  const first = clamped(Math.floor(Math.min(a, b)), 0, side - 1);
  const end = clamped(Math.ceil(Math.max(a, b)), first + 1, side);
  return [first, end - first];
}

function clamped(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
