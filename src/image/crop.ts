/** Crops an image, byte for byte as Pillow's `Image.crop` does inside the image. */
import type { PixelRegion } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';

/** The pixels of `region`, copied; the region must lie inside the image. */
export function cropImage({ data, width }: RgbImage, region: PixelRegion): RgbImage {
  const rowBytes = region.width * 3;
  const cropped = new Uint8Array(region.height * rowBytes); // [height, width, 3]
  for (let row = 0; row < region.height; row++) {
    const from = ((region.top + row) * width + region.left) * 3;
    cropped.set(data.subarray(from, from + rowBytes), row * rowBytes);
  }
  return { width: region.width, height: region.height, data: cropped };
}
