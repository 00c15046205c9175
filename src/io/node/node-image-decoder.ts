/** Decodes images in Node with sharp (libvips). See ../image-decoder.ts for what a decoded image is. */
import sharp from 'sharp';
import { isNamed, messageOf } from '../../shared/errors.ts';
import type { RgbImage } from '../../shared/rgb-image.ts';
import { checkDecodedSize, checkImageFile, decodeError } from '../image-decoder.ts';
import type { ImageDecoder } from '../image-decoder.ts';

/** The decoder for Node: PNG, JPEG, WebP, GIF, AVIF, TIFF and SVG. */
export function createNodeImageDecoder(): ImageDecoder {
  return { decode };
}

async function decode(file: Blob): Promise<RgbImage> {
  const { bytes, header } = await checkImageFile(file);
  if (header.type === 'bmp') {
    throw decodeError('BMP files cannot be decoded in Node. Save the image as PNG and try again.');
  }
  try {
    const input = sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc: true });
    // The pixel limit is ours alone, so that it has one message; SVG and TIFF are first measured here.
    const { width, height } = await input.metadata();
    checkDecodedSize(width, height);
    const { data, info } = await input
      .autoOrient()
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, data: toRgb(data, info.channels) }; // [height, width, 3]
  } catch (thrown) {
    if (isNamed(thrown, 'ImageTooLargeError') || isNamed(thrown, 'ImageDecodeError')) throw thrown;
    throw decodeError(
      `The ${header.type.toUpperCase()} file is damaged or of a kind that cannot be decoded (${messageOf(thrown)}). ` +
        'Save the image again as PNG or JPEG and try that.',
      thrown,
    );
  }
}

/** sharp leaves grey images with one channel; every pixel gets three. */
function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  const out = new Uint8Array((data.length / channels) * 3);
  for (let pixel = 0; pixel * 3 < out.length; pixel++) {
    const from = pixel * channels;
    for (let channel = 0; channel < 3; channel++) {
      out[pixel * 3 + channel] = data[from + (channels < 3 ? 0 : channel)] ?? 0;
    }
  }
  return out;
}
