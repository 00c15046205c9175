/**
 * Decodes images in a browser worker with `createImageBitmap`. See ../image-decoder.ts for what a decoded image is. Reads
 * pixels back tile by tile, so that no canvas limit and no second full-size copy stands in the way of a large image.
 */
import type { RgbImage } from '../../shared/rgb-image.ts';
import { checkDecodedSize, createImageDecoder, decodeError } from '../image-decoder.ts';
import type { ImageDecoder, PlainFile } from '../image-decoder.ts';
import { type Orientation, placement } from '../image-orientation/upright.ts';

/** Side of a tile in pixels: 16 MB of RGBA, far below every browser's canvas limit. */
const TILE = 2048;

/** MIME types for the browser, which would otherwise guess from a file's name. */
const MIME_TYPES = {
  png: 'image/png',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  avif: 'image/avif',
} as const;

/** The decoder for browser workers: whatever the browser decodes, GIF and BMP; no SVG, for which a worker has no renderer. */
export function createWebImageDecoder(): ImageDecoder {
  return createImageDecoder(decodePlain);
}

async function decodePlain({ bytes, type, orientation, background }: PlainFile): Promise<RgbImage> {
  if (type === 'svg') {
    throw decodeError('SVG files cannot be decoded in a worker. Turn the drawing into a PNG on the page first.');
  }
  if (type === 'tiff') {
    throw decodeError('Browsers cannot decode TIFF. Save the image as PNG or JPEG and try again.');
  }
  const bitmap = await toBitmap(new Blob([bytes], { type: MIME_TYPES[type] }), type);
  try {
    checkDecodedSize(bitmap.width, bitmap.height);
    return readPixels(bitmap, orientation, background);
  } finally {
    bitmap.close();
  }
}

/** The pixels as stored; AVIF upright. Alpha stays unmultiplied, so that compositing on white loses nothing. */
async function toBitmap(file: Blob, type: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, {
      imageOrientation: 'from-image', // AVIF's own; EXIF is hidden
      premultiplyAlpha: 'none',
      // Values as they stand in the file, like Pillow and the Node decoder; 'default' would convert to the screen's space.
      colorSpaceConversion: 'none',
    });
  } catch (cause) {
    throw decodeError(
      `The ${type.toUpperCase()} file is damaged, of a kind this browser cannot decode, or larger than its memory allows. ` +
        'Save the image again as PNG or JPEG, smaller if it is very large, and try that.',
      cause,
    );
  }
}

/** The upright pixels `[height, width, 3]` on the background. Throws ImageDecodeError when the browser gives no canvas. */
function readPixels(bitmap: ImageBitmap, orientation: Orientation, background: string): RgbImage {
  const { width, height } = bitmap;
  const { start, stepX, stepY, ...upright } = placement(orientation, width, height);
  const data = new Uint8Array(width * height * 3);
  const canvas = new OffscreenCanvas(Math.min(width, TILE), Math.min(height, TILE));
  const context = canvas.getContext('2d', { willReadFrequently: true }); // a canvas in memory, not on the GPU
  if (context === null) throw decodeError('The browser gave no canvas to decode the image on. Reload the page.');
  context.fillStyle = background;

  for (let top = 0; top < height; top += TILE) {
    for (let left = 0; left < width; left += TILE) {
      const tileWidth = Math.min(TILE, width - left);
      const tileHeight = Math.min(TILE, height - top);
      context.fillRect(0, 0, tileWidth, tileHeight);
      context.drawImage(bitmap, left, top, tileWidth, tileHeight, 0, 0, tileWidth, tileHeight);
      const rgba = context.getImageData(0, 0, tileWidth, tileHeight).data; // [tileHeight, tileWidth, 4]
      for (let y = 0; y < tileHeight; y++) {
        let to = (start + left * stepX + (top + y) * stepY) * 3;
        const end = (y + 1) * tileWidth * 4;
        for (let from = y * tileWidth * 4; from < end; from += 4) {
          data[to] = rgba[from] ?? 0;
          data[to + 1] = rgba[from + 1] ?? 0;
          data[to + 2] = rgba[from + 2] ?? 0;
          to += stepX * 3;
        }
      }
    }
  }
  return { ...upright, data };
}
