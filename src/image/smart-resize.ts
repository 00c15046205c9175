/**
 * The size to which Qwen's image processor resizes an image: both sides multiples of one visual token's side, the area
 * between two limits, the aspect ratio preserved as well as possible. Sizes only, no pixels.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import { NamedError } from '../shared/errors.ts';

/** Sides in pixels. */
export interface PixelSize {
  readonly width: number;
  readonly height: number;
}

/** Largest allowed ratio of the longer side to the shorter. Source: transformers, smart_resize. */
export const MAX_ASPECT_RATIO = 200;

/**
 * The size an image of `size` is resized to. Throws ImageShapeError for empty images and for aspect ratios over 200.
 * Source: transformers, image_processing_qwen2_vl, smart_resize.
 */
export function smartResize(
  size: PixelSize,
  settings: Pick<ProcessorSettings, 'patchSize' | 'mergeSize' | 'minPixels' | 'maxPixels'>,
): PixelSize {
  const { width, height } = size;
  const { minPixels, maxPixels } = settings;
  const factor = settings.patchSize * settings.mergeSize;
  checkShape(size);

  const nearest = { width: roundHalfEven(width / factor) * factor, height: roundHalfEven(height / factor) * factor };
  const area = nearest.width * nearest.height;
  if (area > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    const fit = (side: number): number => Math.max(factor, Math.floor(side / shrink / factor) * factor);
    return { width: fit(width), height: fit(height) };
  }
  if (area < minPixels) {
    const grow = Math.sqrt(minPixels / (height * width));
    const fit = (side: number): number => Math.ceil((side * grow) / factor) * factor;
    return { width: fit(width), height: fit(height) };
  }
  return nearest;
}

/** Python's `round`: ties go to the even neighbour (2.5 to 2, 3.5 to 4). `value` is not negative. */
function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

function checkShape({ width, height }: PixelSize): void {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new NamedError('ImageShapeError', `An image of ${width} x ${height} pixels is empty. Choose another image.`);
  }
  const ratio = Math.max(width, height) / Math.min(width, height);
  if (ratio > MAX_ASPECT_RATIO) {
    throw new NamedError(
      'ImageShapeError',
      `After preprocessing the image has ${width} x ${height} pixels, an aspect ratio of ` +
        `${Math.round(ratio * 10) / 10}; at most ${MAX_ASPECT_RATIO} is possible. Crop the image along its longer side.`,
    );
  }
}
