/**
 * Decoding image files to RGB: the interface, and the checks every implementation makes before it decodes. What a decoded
 * image is: EXIF orientation applied, alpha composited on white, the first frame of an animation, 8 bits per channel, and
 * colour values as they stand in the file: embedded profiles are ignored, as Pillow's `convert('RGB')` ignores them, since
 * that is what the models were trained on.
 */
import { NamedError } from '../shared/errors.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { readImageHeader } from './image-header.ts';
import type { ImageHeader } from './image-header.ts';

/** Turns the bytes of an image file into pixels. */
export interface ImageDecoder {
  /** Throws ImageDecodeError (not an image, cut short, a type this platform lacks) and ImageTooLargeError. */
  decode(bytes: Blob): Promise<RgbImage>;
}

/** Most pixels that are decoded: 16384 x 16384, which take 0.8 GB as RGB. */
export const MAX_DECODED_PIXELS = 2 ** 28;

/** Largest file that is read into memory, in bytes: no image within the pixel limit needs more. */
export const MAX_FILE_BYTES = 2 ** 30;

/** A file that passed the checks. */
export interface CheckedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly header: ImageHeader;
}

/**
 * Reads a file and refuses what no decoder should be given: empty, unreadable, not an image, HEIC, cut short, too large.
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
  if (header.type === 'heic') {
    throw decodeError('HEIC photographs cannot be decoded here. Save the photograph as JPEG or PNG and try again.');
  }
  if (header.size !== undefined) checkDecodedSize(header.size.width, header.size.height);
  if (!header.complete) {
    throw decodeError(
      `The ${header.type.toUpperCase()} file ends after ${file.size} bytes, before the image does: it was cut short or is ` +
        'damaged. Download or copy the file again.',
    );
  }
  return { bytes, header };
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

async function readAll(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (cause) {
    throw decodeError('The file could not be read; it may have been moved or changed. Choose it again.', cause);
  }
}
