/** Resizes an image by its nearest pixels, byte for byte as Pillow does. */
import type { RgbImage } from '../shared/rgb-image.ts';
import type { PixelSize } from './smart-resize.ts';

/**
 * Scales `image` to `size`, both sides at least 1.
 * Source: ImagingScaleAffine in Pillow's src/libImaging/Geometry.c.
 */
export function resizeNearest(image: RgbImage, { width, height }: PixelSize): RgbImage {
  if (width === image.width && height === image.height) return image;
  const columns = nearestPositions(image.width, width);
  const rows = nearestPositions(image.height, height);
  const data = new Uint8Array(width * height * 3); // [height, width, 3]
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * image.width + column) * 3;
      data[at] = image.data[from] ?? 0;
      data[at + 1] = image.data[from + 1] ?? 0;
      data[at + 2] = image.data[from + 2] ?? 0;
      at += 3;
    }
  }
  return { width, height, data };
}

/** For every output position the input position it reads, `[outSize]`. Adds up steps, with the rounding that Pillow's loop has. */
function nearestPositions(inSize: number, outSize: number): Int32Array {
  const positions = new Int32Array(outSize);
  const step = inSize / outSize;
  let center = step * 0.5;
  for (let out = 0; out < outSize; out++) {
    positions[out] = Math.min(Math.trunc(center), inSize - 1);
    center += step;
  }
  return positions;
}
