/** Settings of an image processor, which the architecture reads from preprocessor_config.json. */

/** Filters of Pillow that resize an image. */
export type ResampleFilter = 'lanczos' | 'bilinear' | 'bicubic';

/** Settings of an image processor: resize, rescale, normalise, cut. */
export interface ProcessorSettings {
  /** Side of a patch in pixels. */
  readonly patchSize: number;
  /** Frames in a patch; a still image is repeated for each. */
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
  /** The factor on 8-bit values before normalisation. */
  readonly rescaleFactor: number;
}
