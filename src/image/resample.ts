/**
 * Resamples 8-bit RGB images, byte for byte as Pillow's `Image.resize` does: a horizontal pass, then a vertical one, each
 * rounded and clipped to 8 bits. Knows nothing of models, and keeps no state between calls.
 */
import type { ResampleFilter } from '../model/processor-settings.ts';
import { NamedError } from '../shared/errors.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { openResampleKernel, SLACK_BYTES } from './resample-kernel.ts';
import { resampleWeights, type ResampleWeights } from './resample-weights.ts';

/** Images taller than this many times their width are shrunk vertically first (Pillow 12, PIL/Image.py, resize). */
const TALL_RATIO = 100;

/**
 * Scales `image` to `width` x `height` pixels. Skips an axis whose size does not change; if neither changes,
 * returns the image itself. Throws ImageShapeError if a side is not a whole number of at least 1.
 * Source: ImagingResample in Pillow's src/libImaging/Resample.c (8 bits per channel); Pillow 12.3.
 */
export function resample(image: RgbImage, width: number, height: number, filter: ResampleFilter): RgbImage {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new NamedError(
      'ImageShapeError',
      `Cannot scale an image to ${width} x ${height} pixels: both sides must be whole numbers of at least 1.`,
    );
  }
  if (width === image.width && height === image.height) return image;
  const verticalFirst = image.height > image.width * TALL_RATIO && height < image.height && width !== image.width;
  if (verticalFirst) return resample(resample(image, image.width, height, filter), width, height, filter);

  const along = width === image.width ? undefined : resampleWeights(image.width, width, filter);
  const down = height === image.height ? undefined : resampleWeights(image.height, height, filter);
  return { width, height, data: runPasses(image, { width, height }, along, down) };
}

/** Runs the passes that are needed, in the memory of one kernel. */
function runPasses(
  image: RgbImage,
  { width, height }: { readonly width: number; readonly height: number },
  along: ResampleWeights | undefined,
  down: ResampleWeights | undefined,
): Uint8Array {
  // 1. Allocate everything. Of the source only the rows that the vertical pass reads are copied.
  const firstRow = down?.starts[0] ?? 0;
  const rows = (down?.end ?? image.height) - firstRow;
  const inBytes = image.width * 3;
  const outBytes = width * 3;
  const allocator = new Allocator();
  const source = allocator.take(rows * inBytes);
  const between = along === undefined ? source : allocator.take(rows * outBytes); // [rows, width, 3]
  const result = down === undefined ? between : allocator.take(height * outBytes); // [height, width, 3]
  const alongSpans = allocator.take((along?.starts.length ?? 0) * 8);
  const alongWeights = allocator.take(along?.weights.byteLength ?? 0);
  const downWeights = allocator.take(down?.weights.byteLength ?? 0);
  const kernel = openResampleKernel(allocator.bytes);
  const memory = new Uint8Array(kernel.memory.buffer);
  const words = new Int32Array(kernel.memory.buffer);
  memory.set(image.data.subarray(firstRow * inBytes, (firstRow + rows) * inBytes), source);

  // 2. The horizontal pass.
  if (along !== undefined) {
    const { starts, counts, weights, stride } = along;
    starts.forEach((start, x) => words.set([start * 3, (counts[x] ?? 0) * 4], alongSpans / 4 + 2 * x));
    words.set(weights, alongWeights / 4);
    for (let row = 0; row < rows; row++) {
      const out = between + row * outBytes;
      kernel.horizontal(source + row * inBytes, out, out + outBytes, alongSpans, alongWeights, stride * 4);
    }
  }

  // 3. The vertical pass.
  if (down !== undefined) {
    const { starts, counts, weights, stride } = down;
    words.set(weights, downWeights / 4);
    for (let y = 0; y < height; y++) {
      const out = result + y * outBytes;
      const from = between + ((starts[y] ?? 0) - firstRow) * outBytes;
      const first = downWeights + y * stride * 4;
      kernel.vertical(from, outBytes, out, out + outBytes, first, first + (counts[y] ?? 0) * 4);
    }
  }
  return memory.slice(result, result + height * outBytes);
}

/** A bump allocator: consecutive addresses, each a multiple of 16, with the kernel's slack after each block. */
class Allocator {
  bytes = 0;

  take(bytes: number): number {
    const address = this.bytes;
    this.bytes += Math.ceil((bytes + SLACK_BYTES) / 16) * 16;
    return address;
  }
}
