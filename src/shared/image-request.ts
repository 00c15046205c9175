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

/** One operation on an image, exactly as Pillow does it. */
export type ViewStep =
  /** Cuts a rectangle out; what lies beyond the image's edges is black. */
  | { readonly crop: PixelRegion }
  /** Scales to this size. */
  | { readonly width: number; readonly height: number; readonly filter: StepFilter };

/** Filters of Pillow's that steps use. */
export type StepFilter = 'lanczos' | 'bicubic' | 'nearest';

/** One view of one image. */
export interface ImageRequest {
  /** Which of the conversation's source images, by the number it was added under. */
  readonly image: number;
  /** The part that is shown, in pixels of the source with its orientation applied; null: all of it. */
  readonly region: PixelRegion | null;
  /** Both sides are multiplied by this before the model's own processor resizes them: 1, or 1/2 for half resolution. */
  readonly scale: number;
  /**
   * How the view is made of the source, in place of `region` and `scale`, where a model was trained on images that were cut and
   * resized in an order of their own. `region` then says what is shown, rounded outwards.
   */
  readonly steps?: readonly ViewStep[];
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
export function requestKey({ image, region, scale, steps = [] }: ImageRequest): string {
  const part = region === null ? 'all' : rectangleKey(region);
  return [`${image}:${part}:${scale}`, ...steps.map(stepKey)].join(':');
}

function stepKey(step: ViewStep): string {
  return 'crop' in step ? rectangleKey(step.crop) : `${step.width}x${step.height}${step.filter}`;
}

function rectangleKey({ left, top, width, height }: PixelRegion): string {
  return [left, top, width, height].join();
}
