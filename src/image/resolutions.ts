/**
 * The two resolutions of one original: how large and how expensive each will be, and the images themselves. The plan
 * touches no pixels, so the page can show token costs at once; `prepare` follows the same plan.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { budgetSize, fitPixelBudget, halfResolution, halfSize, liftSmall, liftedSize } from './half-resolution.ts';
import { preprocess } from './patchify.ts';
import type { PreprocessedImage } from './patchify.ts';
import { smartResize } from './smart-resize.ts';
import type { PixelSize } from './smart-resize.ts';

/** Size and cost of an image as the model sees it. */
export interface PlannedImage extends PixelSize {
  /** Visual tokens. */
  readonly tokens: number;
}

/** Both resolutions of one original. */
export interface ResolutionPlan {
  readonly half: PlannedImage;
  readonly full: PlannedImage;
}

/**
 * What half and full resolution of a `width` x `height` original will cost. `pixelBudget` in pixels, null for none.
 * Throws ImageShapeError when either would have an aspect ratio the processor refuses.
 */
export function planResolutions(
  width: number,
  height: number,
  settings: ProcessorSettings,
  pixelBudget: number | null,
): ResolutionPlan {
  const original = budgetSize({ width, height }, pixelBudget);
  return { half: planImage(halfSize(original), settings), full: planImage(original, settings) };
}

/**
 * The tensors for one of the two resolutions: budget, then half or not, then the lift of small sides, then the processor.
 * `pixelBudget` in pixels, null for none. Throws ImageShapeError before any pixel is touched.
 */
export function prepareImage(
  original: RgbImage,
  resolution: 'half' | 'full',
  settings: ProcessorSettings,
  pixelBudget: number | null,
): PreprocessedImage {
  const within = budgetSize(original, pixelBudget);
  planImage(resolution === 'half' ? halfSize(within) : within, settings);
  const image = fitPixelBudget(original, pixelBudget);
  return preprocess(liftSmall(resolution === 'half' ? halfResolution(image) : image), settings);
}

function planImage(size: PixelSize, settings: ProcessorSettings): PlannedImage {
  const { width, height } = smartResize(liftedSize(size), settings);
  const tokenSide = settings.patchSize * settings.mergeSize;
  return { width, height, tokens: (width / tokenSide) * (height / tokenSide) };
}
