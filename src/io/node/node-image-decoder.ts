/** Decodes images in Node with sharp (libvips). See ../image-decoder.ts for what a decoded image is. */
import sharp from 'sharp';
import { isNamed, messageOf } from '../../shared/errors.ts';
import type { RgbImage } from '../../shared/rgb-image.ts';
import { checkDecodedSize, createImageDecoder, decodeError } from '../image-decoder.ts';
import type { ImageDecoder, PlainFile } from '../image-decoder.ts';
import { placement } from '../image-orientation/upright.ts';

/** The decoder for Node: PNG, JPEG, WebP, GIF, BMP, AVIF, TIFF and SVG. */
export function createNodeImageDecoder(): ImageDecoder {
  return createImageDecoder(decodePlain);
}

async function decodePlain({ bytes, type, orientation, background }: PlainFile): Promise<RgbImage> {
  try {
    const input = sharp(bytes, { failOn: 'error', limitInputPixels: false, ignoreIcc: true });
    // The pixel limit is ours alone, so that it has one message; SVG and TIFF are first measured here.
    const { width, height, space } = await input.metadata();
    checkDecodedSize(width, height);
    const isCmyk = space === 'cmyk';
    // libvips would convert CMYK through a profile of its own.
    const converted = isCmyk
      ? input.pipelineColourspace('cmyk').toColourspace('cmyk')
      : input.flatten({ background }).toColourspace('srgb');
    const { data, info } = await converted.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    const { channels } = info;
    if (orientation === 1 && channels === 3) {
      return {
        width: info.width,
        height: info.height,
        data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      };
    }

    const { start, stepX, stepY, ...upright } = placement(orientation, info.width, info.height);
    const rgb = new Uint8Array(info.width * info.height * 3); // [height, width, 3]
    const [green, blue] = channels < 3 ? [0, 0] : [1, 2]; // sharp leaves grey images with one channel
    let from = 0;
    for (let y = 0; y < info.height; y++) {
      let to = (start + y * stepY) * 3;
      for (let x = 0; x < info.width; x++, from += channels, to += stepX * 3) {
        const black = isCmyk ? (data[from + 3] ?? 0) : 0;
        rgb[to] = isCmyk ? withBlack(data[from] ?? 0, black) : (data[from] ?? 0);
        rgb[to + 1] = isCmyk ? withBlack(data[from + 1] ?? 0, black) : (data[from + green] ?? 0);
        rgb[to + 2] = isCmyk ? withBlack(data[from + 2] ?? 0, black) : (data[from + blue] ?? 0);
      }
    }
    return { ...upright, data: rgb };
  } catch (thrown) {
    if (isNamed(thrown, 'ImageTooLargeError') || isNamed(thrown, 'ImageDecodeError')) throw thrown;
    throw decodeError(
      `The ${type.toUpperCase()} file is damaged or of a kind that cannot be decoded (${messageOf(thrown)}). ` +
        'Save the image again as PNG or JPEG and try that.',
      thrown,
    );
  }
}

/** An RGB value of an ink and black, 255 being full ink. Source: Pillow, `cmyk2rgb` in src/libImaging/Convert.c. */
function withBlack(ink: number, black: number): number {
  const light = 255 - black;
  return light - Math.round((ink * light) / 255);
}
