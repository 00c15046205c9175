/** A first look at a file, for the time in which no engine can take it: does this browser decode it at all? */
import { NamedError } from '../shared/errors.ts';

/** Resolves when the browser can decode `file`; throws ImageDecodeError otherwise. */
export async function checkImage(file: Blob): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file);
    bitmap.close();
  } catch (cause) {
    const kind = file.type === '' ? 'of unknown type' : `of type ${file.type}`;
    throw new NamedError(
      'ImageDecodeError',
      `The file (${kind}, ${file.size} bytes) could not be decoded as an image. ` +
        'Choose a PNG, JPEG, WebP, GIF, AVIF, BMP or SVG file.',
      { cause },
    );
  }
}
