/**
 * The view of an image to show: plain data, so that a tool may ask for it, a result may carry it across threads and a
 * cache may be keyed by it.
 */

/** A rectangle in whole pixels of a source image. */
export interface PixelRegion {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** One view of one image. */
export interface ImageRequest {
  /** Which of the conversation's source images, by the number it was added under. */
  readonly image: number;
  /** The part that is shown, in pixels of the source with its orientation applied; null: all of it. */
  readonly region: PixelRegion | null;
  /** Both sides are multiplied by this before the model's own processor resizes them: 1, or 1/2 for half resolution. */
  readonly scale: number;
}

/** The scale of half resolution. */
export const HALF_SCALE = 1 / 2;

/** A request for all of an image at half resolution. */
export function halfOf(image: number): ImageRequest {
  return { image, region: null, scale: HALF_SCALE };
}

/** A request for all of an image at its own resolution. */
export function fullOf(image: number): ImageRequest {
  return { image, region: null, scale: 1 };
}

/** The same text for the same request, another for any other. */
export function requestKey({ image, region, scale }: ImageRequest): string {
  const part = region === null ? 'all' : [region.left, region.top, region.width, region.height].join();
  return `${image}:${part}:${scale}`;
}
