/**
 * Prepares an image before the model's own processor: the user's pixel budget, the half resolution of VisionThink's first
 * round, and upscaling of very small images to one visual token. Every step has a function for the size alone, so that
 * costs are known before any pixel is touched.
 */
import type { RgbImage } from '../shared/rgb-image.ts';
import { resample } from './resample.ts';
import type { PixelSize } from './smart-resize.ts';

/** Smallest side in pixels that the processor is shown: a constant of the protocol, whatever the patch size. */
export const SMALLEST_SIDE = 28;

/** Both sides multiplied by `scale`, rounded down, at least 1 pixel. Source: VisionThink's evaluation script, for 1/2. */
export function scaledSize({ width, height }: PixelSize, scale: number): PixelSize {
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/**
 * The size after scaling a side under 28 pixels up together with the other one. The product is truncated as Python's
 * `int` does, so 27.999... becomes 27. Source: VisionThink's evaluation script.
 */
export function liftedSize({ width, height }: PixelSize): PixelSize {
  if (width >= SMALLEST_SIDE && height >= SMALLEST_SIDE) return { width, height };
  const scale = Math.max(SMALLEST_SIDE / width, SMALLEST_SIDE / height);
  return { width: Math.trunc(width * scale), height: Math.trunc(height * scale) };
}

/** The size that fits an area of `maxPixels` at the same aspect ratio, sides at least 1; null: no budget. */
export function budgetSize({ width, height }: PixelSize, maxPixels: number | null): PixelSize {
  const area = width * height;
  if (maxPixels === null || area <= maxPixels) return { width, height };
  const scale = Math.sqrt(maxPixels / area);
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

/**
 * The size enlarged to an area of `minPixels` at the same aspect ratio; null: no least area. Sides are truncated, so the area
 * may fall just short. Source: dvlab-research/VisionThink verl/utils/dataset/multimodal_dataset.py, process_image.
 */
export function enlargedSize({ width, height }: PixelSize, minPixels: number | null): PixelSize {
  const area = width * height;
  if (minPixels === null || area >= minPixels) return { width, height };
  const scale = Math.sqrt(minPixels / area);
  return { width: Math.max(1, Math.trunc(width * scale)), height: Math.max(1, Math.trunc(height * scale)) };
}

/** Scales an original whose area is below `minPixels` up to it (Lanczos); other images are returned unchanged. */
export function enlargeToArea(image: RgbImage, minPixels: number | null): RgbImage {
  return lanczos(image, enlargedSize(image, minPixels));
}

/** Scales an original whose area exceeds `maxPixels` down to it (Lanczos); other images are returned unchanged. */
export function fitPixelBudget(image: RgbImage, maxPixels: number | null): RgbImage {
  return lanczos(image, budgetSize(image, maxPixels));
}

/** Scales both sides (Lanczos), before `liftSmall`: by 1/2 for the first image of a downsampled turn. */
export function scaleImage(image: RgbImage, scale: number): RgbImage {
  return lanczos(image, scaledSize(image, scale));
}

/**
 * Scales up an image with a side under 28 pixels (Lanczos), at half and full resolution alike. Check the aspect
 * ratio of `liftedSize` first: a 1 x 10000 image would grow to 28 x 280000 pixels.
 */
export function liftSmall(image: RgbImage): RgbImage {
  return lanczos(image, liftedSize(image));
}

function lanczos(image: RgbImage, size: PixelSize): RgbImage {
  return resample(image, size.width, size.height, 'lanczos');
}
