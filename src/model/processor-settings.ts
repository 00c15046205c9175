/** What an image processor does before it cuts an image into patches. Read from preprocessor_config.json by the architecture. */

/** Filters of Pillow that resize an image. */
export type ResampleFilter = 'lanczos' | 'bilinear' | 'bicubic';

/** Settings of an image processor: resize, rescale, normalise, cut. */
export interface ProcessorSettings {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames in a patch; a still image is repeated that often. */
  readonly temporalPatchSize: number;
  /** Patches along each side of one visual token. */
  readonly mergeSize: number;
  /** The filter of the resize. */
  readonly resample: ResampleFilter;
  /** Smallest and largest area in pixels after the resize. */
  readonly minPixels: number;
  readonly maxPixels: number;
  /** Per channel red, green, blue, of values in 0..1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** What an 8-bit value is multiplied with before it is normalised. */
  readonly rescaleFactor: number;
}
