/**
 * From an RGB image to the vision tower's input, exactly as transformers' Qwen2-VL image processor with the Pillow backend
 * makes it: smart resize, rescale, normalise, cut into patches. Knows nothing of rounds or half resolution. Patches are cut
 * last and only on request: our own kernels cut them on the device, from a tenth of the bytes.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { resample } from './resample.ts';
import { smartResize } from './smart-resize.ts';

/** One image as the vision encoder's input. */
export interface PreprocessedImage {
  /** One row of `image_grid_thw`: frames (1), rows and columns of patches. */
  readonly gridThw: readonly [1, number, number];
  /** Pixels after the resize. */
  readonly width: number;
  readonly height: number;
  /** The resized image: what the model sees, before normalisation. */
  readonly seen: RgbImage;
  /** The normalised number for every 8-bit value in every channel, `[3, 256]`. */
  readonly normalised: Float32Array;
  /** `pixel_values [num_patches, channels * temporal * patch * patch]`, 1176 columns for Qwen2.5-VL; recomputed on each call. */
  pixelValues(): Float32Array;
}

/** Preprocesses `image` for the vision encoder. Throws ImageShapeError. Source: transformers, Qwen2VLImageProcessorPil. */
export function preprocess(image: RgbImage, settings: ProcessorSettings): PreprocessedImage {
  const { width, height } = smartResize(image, settings);
  const seen = resample(image, width, height, settings.resample); // [height, width, 3]
  const gridThw = [1, height / settings.patchSize, width / settings.patchSize] as const;
  const normalised = normalisedValues(settings);
  return { gridThw, width, height, seen, normalised, pixelValues: () => patchify(seen, settings, normalised) };
}

/**
 * The normalised number for every 8-bit value in every channel, `[3, 256]`. Rounds to float32 where numpy does: after the rescale,
 * after subtracting the mean and after dividing. Source: transformers, image_transforms.py, rescale and normalize.
 */
function normalisedValues(settings: ProcessorSettings): Float32Array {
  const table = new Float32Array(3 * 256);
  for (let channel = 0; channel < 3; channel++) {
    const mean = Math.fround(settings.mean[channel] ?? 0);
    const std = Math.fround(settings.std[channel] ?? 1);
    for (let value = 0; value < 256; value++) {
      const centred = Math.fround(Math.fround(value * settings.rescaleFactor) - mean);
      table[channel * 256 + value] = centred / std;
    }
  }
  return table;
}

/**
 * Cuts `[height, width, 3]` into `[gridH * gridW, 3 * temporal * patch * patch]`. The patches of one visual token stand
 * together (merge x merge, row by row), the tokens row by row; inside a patch: channel, frame, row, column.
 */
function patchify(image: RgbImage, settings: ProcessorSettings, table: Float32Array): Float32Array {
  const { patchSize: patch, temporalPatchSize: frames, mergeSize: merge } = settings;
  const { data, width } = image;
  const frameLength = patch * patch;
  const out = new Float32Array(data.length * frames);
  const token = patch * merge;
  let at = 0;

  for (let tokenY = 0; tokenY < image.height; tokenY += token) {
    for (let tokenX = 0; tokenX < width; tokenX += token) {
      for (let corner = 0; corner < merge * merge; corner++) {
        const top = tokenY + Math.trunc(corner / merge) * patch;
        const left = tokenX + (corner % merge) * patch;
        for (let channel = 0; channel < 3; channel++) {
          const values = channel * 256;
          const frameStart = at;
          for (let y = top; y < top + patch; y++) {
            let from = (y * width + left) * 3 + channel;
            for (let x = 0; x < patch; x++) {
              out[at] = table[values + (data[from] ?? 0)] ?? 0;
              at++;
              from += 3;
            }
          }
          for (let frame = 1; frame < frames; frame++) {
            out.copyWithin(at, frameStart, frameStart + frameLength);
            at += frameLength;
          }
        }
      }
    }
  }
  return out;
}
