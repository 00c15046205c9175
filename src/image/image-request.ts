/**
 * From a request to a view: how large and how expensive what is asked for will be, and the preprocessed image itself. The
 * plan touches no pixels, so the page can show token costs at once; `prepareView` follows the same plan.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import { NamedError } from '../shared/errors.ts';
import type { ImageRequest, PixelRegion } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { cropImage } from './crop.ts';
import { budgetSize, fitPixelBudget, liftSmall, liftedSize, scaleImage, scaledSize } from './half-resolution.ts';
import { preprocess, type PreprocessedImage } from './patchify.ts';
import { type PixelSize, smartResize } from './smart-resize.ts';

/** Size and cost of a view as the model sees it. */
export interface PlannedView extends PixelSize {
  /** Visual tokens. */
  readonly tokens: number;
}

/** What a view is made of, apart from which image it shows. */
export type ViewRequest = Pick<ImageRequest, 'region' | 'scale'>;

/** What every view of a model goes through. */
export interface ViewLimits {
  readonly processor: ProcessorSettings;
  /** Largest area in pixels that is shown of a source before `scale` applies; null: no limit but the processor's. */
  readonly pixelBudget: number | null;
}

/**
 * The size and cost of a view of `source`. Throws ImageShapeError when the processor refuses its aspect ratio,
 * ImageRegionError when the region does not lie in the source.
 */
export function planView(source: PixelSize, request: ViewRequest, limits: ViewLimits): PlannedView {
  const { processor, pixelBudget } = limits;
  const scaled = scaledSize(budgetSize(shownSize(source, request.region), pixelBudget), request.scale);
  const { width, height } = smartResize(liftedSize(scaled), processor);
  const tokenSide = processor.patchSize * processor.mergeSize;
  return { width, height, tokens: (width / tokenSide) * (height / tokenSide) };
}

/**
 * The preprocessed view: the region is cut out first, so that no pixel beside it bleeds in; then budget, scale, the lift of
 * small sides, the processor. Throws what `planView` throws, before any pixel is touched.
 */
export function prepareView(source: RgbImage, request: ViewRequest, limits: ViewLimits): PreprocessedImage {
  planView(source, request, limits);
  const shown = request.region === null ? source : cropImage(source, request.region);
  const within = fitPixelBudget(shown, limits.pixelBudget);
  return preprocess(liftSmall(scaleImage(within, request.scale)), limits.processor);
}

/** Pixels of the part that is shown. Throws ImageRegionError. */
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
