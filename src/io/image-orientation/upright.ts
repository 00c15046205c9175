/** The eight EXIF orientations: where a stored pixel lies in the upright image. Source: EXIF 2.32 (CIPA DC-008), tag 0x0112. */

/** 1: as stored. 2 to 8: mirrored, rotated by 180 degrees, and so on; 5 to 8 swap width and height. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** Size of an upright image and the index (in pixels) of stored pixel (x, y): `start + x * stepX + y * stepY`. */
export interface Placement {
  readonly width: number;
  readonly height: number;
  readonly start: number;
  readonly stepX: number;
  readonly stepY: number;
}

/** Narrows a stored number; undefined for anything but 1 to 8, which decoders ignore. */
export function asOrientation(value: number | undefined): Orientation | undefined {
  return ORIENTATIONS.find((orientation) => orientation === value);
}

const ORIENTATIONS: readonly Orientation[] = [1, 2, 3, 4, 5, 6, 7, 8];

/** Places the pixels of an image that is stored as `width` x `height`. */
export function placement(orientation: Orientation, width: number, height: number): Placement {
  const last = width * height - 1;
  const across = { width, height };
  const swapped = { width: height, height: width };
  switch (orientation) {
    case 1:
      return { ...across, start: 0, stepX: 1, stepY: width };
    case 2:
      return { ...across, start: width - 1, stepX: -1, stepY: width };
    case 3:
      return { ...across, start: last, stepX: -1, stepY: -width };
    case 4:
      return { ...across, start: last - width + 1, stepX: 1, stepY: -width };
    case 5:
      return { ...swapped, start: 0, stepX: height, stepY: 1 };
    case 6:
      return { ...swapped, start: height - 1, stepX: height, stepY: -1 };
    case 7:
      return { ...swapped, start: last, stepX: -height, stepY: -1 };
    case 8:
      return { ...swapped, start: last - height + 1, stepX: -height, stepY: 1 };
    default:
      return orientation satisfies never;
  }
}
