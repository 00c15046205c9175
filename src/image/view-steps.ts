/** Runs the steps of a view: crops and resizes, in order. Sizes first, so that costs are known before any pixel is touched. */
import { NamedError } from '../shared/errors.ts';
import type { PixelRegion, ViewStep } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { cropImage } from './crop.ts';
import { resizeNearest } from './nearest.ts';
import { resample } from './resample.ts';
import type { PixelSize } from './smart-resize.ts';

/** Largest image, in pixels, that a step may make: 200 MB of RGB. */
export const MAX_STEP_PIXELS = 2 ** 26;

/** The size after all steps. Throws ImageRegionError for a step that makes no image, or one of more than MAX_STEP_PIXELS. */
export function sizeAfter(source: PixelSize, steps: readonly ViewStep[]): PixelSize {
  return steps.reduce<PixelSize>((_, step) => sizeOf(step), { width: source.width, height: source.height });
}

/** The image after all steps. Throws what `sizeAfter` throws. */
export function runSteps(source: RgbImage, steps: readonly ViewStep[]): RgbImage {
  sizeAfter(source, steps);
  return steps.reduce(runStep, source);
}

/** A rectangle of a source in its pixels, not necessarily whole ones. */
export type SourceRectangle = PixelRegion;

/** The part of a source that an image shows after these steps: parts of pixels, and beyond the edges where a crop goes there. */
export function shownBySteps(source: PixelSize, steps: readonly ViewStep[]): SourceRectangle {
  let shown: SourceRectangle = { left: 0, top: 0, width: source.width, height: source.height };
  let size: PixelSize = source;
  for (const step of steps) {
    if ('crop' in step) {
      const [x, y] = [shown.width / size.width, shown.height / size.height];
      const { left, top, width, height } = step.crop;
      shown = { left: shown.left + left * x, top: shown.top + top * y, width: width * x, height: height * y };
    }
    size = sizeOf(step);
  }
  return shown;
}

/** The whole pixels of a source that a rectangle touches, at least one. */
export function wholePixels(source: PixelSize, shown: SourceRectangle): PixelRegion {
  const [left, right] = touched(shown.left, shown.width, source.width);
  const [top, bottom] = touched(shown.top, shown.height, source.height);
  return { left, top, width: right - left, height: bottom - top };
}

function touched(from: number, length: number, side: number): readonly [number, number] {
  const first = Math.min(Math.max(Math.floor(from), 0), side - 1);
  return [first, Math.max(Math.min(Math.ceil(from + length), side), first + 1)];
}

function runStep(image: RgbImage, step: ViewStep): RgbImage {
  if ('crop' in step) return cropImage(image, step.crop);
  return step.filter === 'nearest' ? resizeNearest(image, step) : resample(image, step.width, step.height, step.filter);
}

function sizeOf(step: ViewStep): PixelSize {
  const { width, height, left, top } = 'crop' in step ? step.crop : { ...step, left: 0, top: 0 };
  const isWhole = [left, top, width, height].every(Number.isSafeInteger);
  if (isWhole && width >= 1 && height >= 1 && width * height <= MAX_STEP_PIXELS) return { width, height };
  throw new NamedError(
    'ImageRegionError',
    `A view cannot have ${width} x ${height} pixels. Ask for whole pixels, at least one each way and at most ` +
      `${MAX_STEP_PIXELS.toLocaleString('en')} in all.`,
  );
}
