/**
 * Decodes image files to RGB: the interface, and everything that does not depend on the platform. A decoded image is what
 * Pillow gives: upright (EXIF, XMP), alpha composited on white, the first frame of an animation, 8 bits a channel, and colour
 * values as stored in the file. Embedded profiles are ignored, as Pillow's `convert('RGB')` ignores them, since the models
 * were trained on that.
 */
import { NamedError } from '../shared/errors.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { decodeBmp } from './image-formats/decode-bmp.ts';
import { decodeGif } from './image-formats/decode-gif.ts';
import { plainFile } from './image-formats/plain-file.ts';
import { type ImageHeader, type ImageType, readImageHeader } from './image-header.ts';
import { CutShort } from './image-headers/bytes.ts';
import type { Orientation } from './image-orientation/upright.ts';

/** Turns the bytes of an image file into pixels. */
export interface ImageDecoder {
  /** Throws ImageDecodeError (not an image, cut short, a type this platform lacks) and ImageTooLargeError. */
  decode(bytes: Blob): Promise<RgbImage>;
}

/** A file for a platform's own decoder, which need not know about EXIF or animations. */
export interface PlainFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: Exclude<ImageType, 'gif' | 'bmp' | 'heic'>;
  /** How to place the decoded pixels. */
  readonly orientation: Orientation;
  /** What transparent pixels lie on. */
  readonly background: 'white' | 'black';
}

/** Most pixels that are decoded: 16384 x 16384, which take 0.8 GB as RGB. */
export const MAX_DECODED_PIXELS = 2 ** 28;

/** Largest file that is read into memory, in bytes: no image within the pixel limit needs more. */
export const MAX_FILE_BYTES = 2 ** 30;

/** A decoder that passes the types only the platform can decode to `decodePlain`. */
export function createImageDecoder(decodePlain: (file: PlainFile) => Promise<RgbImage>): ImageDecoder {
  return {
    async decode(file) {
      const { bytes, header } = await checkImageFile(file);
      const { type, orientation = 1, background = 'white' } = header;
      if (type === 'gif' || type === 'bmp') return decodeHere(type, bytes);
      return decodePlain({ bytes: plainFile(bytes, header), type, orientation, background });
    },
  };
}

/** A file that passed the checks. */
interface CheckedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: ImageHeader & { readonly type: Exclude<ImageType, 'heic'> };
}

/**
 * Reads a file and refuses any that no decoder should get: empty, unreadable, not an image, HEIC, cut short, too large.
 * Throws ImageDecodeError, ImageTooLargeError.
 */
export async function checkImageFile(file: Blob): Promise<CheckedFile> {
  if (file.size === 0) throw decodeError('The file is empty (0 bytes). Choose another image.');
  if (file.size > MAX_FILE_BYTES) {
    throw new NamedError(
      'ImageTooLargeError',
      `The file has ${file.size} bytes, the limit is ${MAX_FILE_BYTES}. Save the image smaller, for example as JPEG.`,
    );
  }
  const bytes = await readAll(file);
  const header = readImageHeader(bytes);
  if (header === undefined) {
    throw decodeError(
      'The file is not an image of a known type. Choose a PNG, JPEG, WebP, GIF, BMP, AVIF or SVG file.',
    );
  }
  const { type, size } = header;
  if (type === 'heic') {
    throw decodeError('HEIC photographs cannot be decoded here. Save the photograph as JPEG or PNG and try again.');
  }
  if (size !== undefined) checkDecodedSize(size.width, size.height);
  if (!header.complete) throw cutShortError(type, file.size);
  return { bytes, header: { ...header, type } };
}

/** Throws ImageTooLargeError when `width` x `height` pixels are more than the limit, ImageDecodeError when there are none. */
export function checkDecodedSize(width: number, height: number): void {
  if (width < 1 || height < 1) {
    throw decodeError(`The image states a size of ${width} x ${height} pixels: it is damaged. Choose another image.`);
  }
  if (width * height > MAX_DECODED_PIXELS) {
    throw new NamedError(
      'ImageTooLargeError',
      `The image has ${width} x ${height} pixels (${width * height}), the limit is ${MAX_DECODED_PIXELS} ` +
        '(16384 x 16384). Scale it down and try again.',
    );
  }
}

/** An ImageDecodeError with its cause, if any. */
export function decodeError(message: string, cause?: unknown): NamedError {
  return new NamedError('ImageDecodeError', message, cause === undefined ? undefined : { cause });
}

/** Decodes the types that platforms decode differently or not at all. */
function decodeHere(type: 'gif' | 'bmp', bytes: Uint8Array): RgbImage {
  try {
    const image = type === 'gif' ? decodeGif(bytes) : decodeBmp(bytes);
    if (image !== undefined) return image;
  } catch (thrown) {
    if (thrown instanceof CutShort) throw cutShortError(type, bytes.length);
    throw thrown;
  }
  throw decodeError('The BMP file is of a kind that cannot be decoded. Save the image as PNG and try that.');
}

function cutShortError(type: ImageType, bytes: number): NamedError {
  return decodeError(
    `The ${type.toUpperCase()} file ends after ${bytes} bytes, before the image does: it was cut short or is damaged. ` +
      'Download or copy the file again.',
  );
}

async function readAll(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (cause) {
    throw decodeError('The file could not be read; it may have been moved or changed. Choose it again.', cause);
  }
}
