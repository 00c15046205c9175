/** Crops an image, byte for byte as Pillow's `Image.crop` does: what lies beyond the image's edges is black. */
import type { PixelRegion } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';

/** The pixels of `region`, copied; the region may extend beyond the image. */
export function cropImage({ data, width, height }: RgbImage, region: PixelRegion): RgbImage {
  const rowBytes = region.width * 3;
  const cropped = new Uint8Array(region.height * rowBytes); // [height, width, 3]
  const left = Math.max(region.left, 0);
  const right = Math.min(region.left + region.width, width);
  const firstRow = Math.max(-region.top, 0);
  const lastRow = Math.min(height - region.top, region.height);
  for (let row = firstRow; row < lastRow && left < right; row++) {
    const line = (region.top + row) * width;
    cropped.set(data.subarray((line + left) * 3, (line + right) * 3), row * rowBytes + (left - region.left) * 3);
  }
  return { width: region.width, height: region.height, data: cropped };
}
