/** Checks a file while no engine is running: is it an image that the engine's decoder will read? */

/**
 * Resolves when `file` can be decoded. Tries the browser's own decoder first because it is fast; it refuses some files that
 * ours mends. Throws ImageDecodeError, ImageTooLargeError.
 */
export async function checkImage(file: Blob): Promise<void> {
  try {
    const bitmap = await createImageBitmap(file);
    bitmap.close();
  } catch {
    const { createWebImageDecoder } = await import('../io/web/web-image-decoder.ts');
    await createWebImageDecoder().decode(file);
  }
}
