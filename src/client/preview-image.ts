/** The preview of an image file, shown as the model sees it: upright, an animation's first frame, truncated ends repaired. */
import type { RgbImage } from '../shared/rgb-image.ts';

/** Longest side of a redrawn preview. Pixels. */
const MAX_SIDE = 4096;

/** Bytes of a file that are looked at: these chunks stand before the pixels. */
const LOOK_BYTES = 1 << 16;

/**
 * The file itself where browsers show it as the engine's decoder reads it; otherwise a PNG of what that decoder gives. Browsers
 * ignore a WebP's EXIF orientation, play animations, and refuse some files that the decoder mends.
 */
export async function previewImage(file: Blob): Promise<Blob> {
  const head = new Uint8Array(await file.slice(0, LOOK_BYTES).arrayBuffer());
  if (isShownAsDecoded(head) && (await canBrowserDecode(file))) return file;
  const { createWebImageDecoder } = await import('../io/web/web-image-decoder.ts');
  return toPng(await createWebImageDecoder().decode(file));
}

/** Chunks of a PNG that animate it, or that turn it in a way browsers ignore. */
const TELLING_CHUNKS = ['acTL', 'eXIf', 'XML:com.adobe.xmp', 'Raw profile type'];

/** JPEG, AVIF, and PNG without such chunks: browsers place and show them as Pillow does. */
function isShownAsDecoded(head: Uint8Array): boolean {
  const text = (from: number, to: number): string => String.fromCharCode(...head.subarray(from, to));
  if (head[0] === 0xff && head[1] === 0xd8) return true;
  if (text(4, 8) === 'ftyp') return true;
  const all = new TextDecoder('latin1').decode(head);
  return text(1, 4) === 'PNG' && !TELLING_CHUNKS.some((chunk) => all.includes(chunk));
}

async function canBrowserDecode(file: Blob): Promise<boolean> {
  try {
    (await createImageBitmap(file)).close();
    return true;
  } catch {
    return false;
  }
}

/** A PNG, scaled down to MAX_SIDE. Throws where the browser gives no canvas. */
async function toPng({ width, height, data }: RgbImage): Promise<Blob> {
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; to += 4) {
    rgba[to] = data[from++] ?? 0;
    rgba[to + 1] = data[from++] ?? 0;
    rgba[to + 2] = data[from++] ?? 0;
  }
  const bitmap = await createImageBitmap(new ImageData(rgba, width, height));
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: 'image/png' });
}
