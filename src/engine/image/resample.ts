/**
 * Resampling of 8-bit RGB images, byte for byte as Pillow's `Image.resize` does it: a horizontal pass, then a vertical one,
 * each rounded and clipped to 8 bits. Knows nothing of models. Plain typed-array loops; nothing is cached between calls.
 */
import { NamedError } from '../../shared/errors.ts';
import type { RgbImage } from '../../shared/rgb-image.ts';
import { PRECISION_BITS, resampleWeights } from './resample-weights.ts';
import type { ResampleFilter, ResampleWeights } from './resample-weights.ts';

/** Half of the last kept bit: sums start here, so that the final shift rounds. */
const ROUNDING = 1 << (PRECISION_BITS - 1);

/** Images taller than this many times their width are shrunk vertically first (Pillow 12, PIL/Image.py, resize). */
const TALL_RATIO = 100;

/**
 * Scales `image` to `width` x `height` pixels. An axis whose size does not change is not touched; when neither changes the
 * image itself is returned. Throws ImageShapeError when a side is not a whole number of at least 1.
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

  const vertical = height === image.height ? undefined : resampleWeights(image.height, height, filter);
  let { data } = image; // [image.height, image.width, 3]
  let firstRow = 0; // of the source, in `data`
  if (width !== image.width) {
    // Only the rows that the vertical pass will read.
    firstRow = vertical?.starts[0] ?? 0;
    const rows = data.subarray(firstRow * image.width * 3, (vertical?.end ?? image.height) * image.width * 3);
    data = horizontalPass(rows, image.width, width, resampleWeights(image.width, width, filter)); // [rows, width, 3]
  }
  if (vertical !== undefined) data = verticalPass(data, width * 3, firstRow, height, vertical); // [height, width, 3]
  return { width, height, data };
}

/** `[rows, inWidth, 3]` to `[rows, outWidth, 3]`. */
function horizontalPass(source: Uint8Array, inWidth: number, outWidth: number, along: ResampleWeights): Uint8Array {
  const { starts, counts, weights, stride } = along;
  const rows = source.length / (inWidth * 3);
  const out = new Uint8ClampedArray(rows * outWidth * 3); // the clamp is Pillow's clip8
  let at = 0;
  for (let row = 0; row < rows; row++) {
    const rowStart = row * inWidth * 3;
    for (let x = 0; x < outWidth; x++) {
      const first = x * stride;
      const last = first + (counts[x] ?? 0);
      let from = rowStart + (starts[x] ?? 0) * 3;
      let red = ROUNDING;
      let green = ROUNDING;
      let blue = ROUNDING;
      for (let i = first; i < last; i++) {
        const weight = weights[i] ?? 0;
        red = (red + Math.imul(source[from] ?? 0, weight)) | 0;
        green = (green + Math.imul(source[from + 1] ?? 0, weight)) | 0;
        blue = (blue + Math.imul(source[from + 2] ?? 0, weight)) | 0;
        from = (from + 3) | 0;
      }
      out[at] = red >> PRECISION_BITS;
      out[at + 1] = green >> PRECISION_BITS;
      out[at + 2] = blue >> PRECISION_BITS;
      at += 3;
    }
  }
  return new Uint8Array(out.buffer);
}

/**
 * `[rows, rowBytes]`, whose first row is `firstRow` of the source, to `[outHeight, rowBytes]`. Sums a whole output row at
 * once, four source rows at a time, so that the weights stay in registers.
 */
function verticalPass(
  source: Uint8Array,
  rowBytes: number,
  firstRow: number,
  outHeight: number,
  along: ResampleWeights,
): Uint8Array {
  const { starts, counts, weights, stride } = along;
  const out = new Uint8ClampedArray(outHeight * rowBytes);
  const sums = new Int32Array(rowBytes);
  for (let y = 0; y < outHeight; y++) {
    sums.fill(ROUNDING);
    const last = y * stride + (counts[y] ?? 0);
    let from = ((starts[y] ?? 0) - firstRow) * rowBytes;
    let i = y * stride;
    for (; i + 4 <= last; i += 4) {
      const rows = source.subarray(from, from + 4 * rowBytes);
      addFourRows(sums, rows, weights[i] ?? 0, weights[i + 1] ?? 0, weights[i + 2] ?? 0, weights[i + 3] ?? 0);
      from += 4 * rowBytes;
    }
    for (; i < last; i++) {
      addRow(sums, source.subarray(from, from + rowBytes), weights[i] ?? 0);
      from += rowBytes;
    }
    const row = out.subarray(y * rowBytes, (y + 1) * rowBytes);
    for (let x = 0; x < rowBytes; x++) row[x] = (sums[x] ?? 0) >> PRECISION_BITS;
  }
  return new Uint8Array(out.buffer);
}

/** Adds four rows, `[4, sums.length]`, each times its weight. */
function addFourRows(sums: Int32Array, rows: Uint8Array, w0: number, w1: number, w2: number, w3: number): void {
  const length = sums.length;
  const second = length * 2;
  const third = length * 3;
  for (let x = 0; x < length; x++) {
    sums[x] =
      (sums[x] ?? 0) +
      Math.imul(rows[x] ?? 0, w0) +
      Math.imul(rows[x + length] ?? 0, w1) +
      Math.imul(rows[x + second] ?? 0, w2) +
      Math.imul(rows[x + third] ?? 0, w3);
  }
}

/** Adds one row times its weight. */
function addRow(sums: Int32Array, row: Uint8Array, weight: number): void {
  for (let x = 0; x < sums.length; x++) sums[x] = (sums[x] ?? 0) + Math.imul(row[x] ?? 0, weight);
}
