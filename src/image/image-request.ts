/**
 * From a request to a view: first its size and token cost, then the preprocessed image. The plan touches no pixels, so the
 * page can show token costs immediately; `prepareView` follows the same plan.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import { NamedError } from '../shared/errors.ts';
import type { ImageRequest, PixelRegion } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { cropImage } from './crop.ts';
import {
  enlargedSize,
  enlargeToArea,
  budgetSize,
  fitPixelBudget,
  liftSmall,
  liftedSize,
  scaleImage,
  scaledSize,
} from './half-resolution.ts';
import { preprocess, type PreprocessedImage } from './patchify.ts';
import { type PixelSize, smartResize } from './smart-resize.ts';
import { MAX_STEP_PIXELS, runSteps, sizeAfter } from './view-steps.ts';

/** Size and cost of a view as the model sees it. */
export interface PlannedView extends PixelSize {
  /** Visual tokens. */
  readonly tokens: number;
}

/** What a view shows of its image: a region at a scale, or what its steps make. */
export type ViewRequest = Pick<ImageRequest, 'region' | 'scale' | 'steps'>;

/** Limits on every view of a model. */
export interface ViewLimits {
  readonly processor: ProcessorSettings;
  /** Largest area in pixels of a source before `scale` applies; null: only the processor's own limit. */
  readonly pixelBudget: number | null;
  /** Smallest area in pixels of a whole source before `scale` applies, within the budget; null or absent: none. */
  readonly minPixels?: number | null;
}

/**
 * The size and cost of a view of `source`. Throws ImageShapeError if the processor refuses its aspect ratio,
 * ImageRegionError when the region does not lie in the source.
 */
export function planView(source: PixelSize, request: ViewRequest, limits: ViewLimits): PlannedView {
  const { processor } = limits;
  const { width, height } = smartResize(sizeBefore(source, request, limits), processor);
  const tokenSide = processor.patchSize * processor.mergeSize;
  return { width, height, tokens: (width / tokenSide) * (height / tokenSide) };
}

/**
 * The preprocessed view: crops the region first, so that no pixel outside it bleeds in; then applies the budget, the least
 * area, the scale, the upscaling of small sides, and the processor. A request with steps takes these, the budget and the processor.
 * Throws what `planView` throws, before any pixel is touched.
 */
export function prepareView(source: RgbImage, request: ViewRequest, limits: ViewLimits): PreprocessedImage {
  planView(source, request, limits);
  if (request.steps !== undefined) {
    return preprocess(fitPixelBudget(runSteps(source, request.steps), limits.pixelBudget), limits.processor);
  }
  const shown = request.region === null ? source : cropImage(source, request.region);
  const within = fitPixelBudget(shown, limits.pixelBudget);
  const enlarged = enlargeToArea(within, leastPixels(request, limits));
  return preprocess(liftSmall(scaleImage(enlarged, request.scale)), limits.processor);
}

/** The least area that applies to a view. A region is shown as its tool asks for it, however small. */
function leastPixels(
  { region }: ViewRequest,
  { pixelBudget, minPixels = null }: Pick<ViewLimits, 'pixelBudget' | 'minPixels'>,
): number | null {
  if (region !== null || minPixels === null) return null;
  return Math.min(minPixels, pixelBudget ?? minPixels);
}

/** Size in pixels of a view before the processor. Throws ImageRegionError. */
export function sizeBefore(
  source: PixelSize,
  request: ViewRequest,
  limits: Pick<ViewLimits, 'pixelBudget' | 'minPixels'>,
): PixelSize {
  const { region, scale, steps } = request;
  if (steps !== undefined) return budgetSize(sizeAfter(source, steps), limits.pixelBudget);
  const within = budgetSize(shownSize(source, region), limits.pixelBudget);
  const size = scaledSize(enlargedSize(within, leastPixels(request, limits)), scale);
  if (scale > 0 && size.width * size.height <= Math.max(MAX_STEP_PIXELS, source.width * source.height)) {
    return liftedSize(size);
  }
  throw new NamedError(
    'ImageRegionError',
    `A view at ${scale} times the size of ${within.width} x ${within.height} pixels cannot be made. Ask for a scale above 0, and ` +
      `for at most ${MAX_STEP_PIXELS.toLocaleString('en')} pixels.`,
  );
}

/** Size in pixels of the region that is shown. Throws ImageRegionError. */
function shownSize(source: PixelSize, region: PixelRegion | null): PixelSize {
  if (region === null) return source;
  const { left, top, width, height } = region;
  const isWhole = [left, top, width, height].every(Number.isInteger);
  const isInside = left >= 0 && top >= 0 && left + width <= source.width && top + height <= source.height;
  if (isWhole && isInside && width >= 1 && height >= 1) return { width, height };
  throw new NamedError(
    'ImageRegionError',
    `The region ${width} x ${height} at (${left}, ${top}) does not lie in the image of ${source.width} x ` +
      `${source.height} pixels. Ask for whole pixels inside it, at least one each way.`,
  );
}
