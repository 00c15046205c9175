/** An image in memory: 8-bit RGB, rows top to bottom, no padding. */
export interface RgbImage {
  /** Pixels. */
  readonly width: number;
  /** Pixels. */
  readonly height: number;
  /** `[height, width, 3]`, row-major. */
  readonly data: Uint8Array;
}
