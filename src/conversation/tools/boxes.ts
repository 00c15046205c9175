/**
 * The arithmetic of boxes and sizes that the references share, as Python and Pillow compute it. Pure: numbers and plain data.
 */
import type { PixelSize } from '../../image/smart-resize.ts';
import { NamedError } from '../../shared/errors.ts';
import type { ViewStep } from '../../shared/image-request.ts';

/** Left, top, right and bottom. */
export type Box = readonly [number, number, number, number];

/** A factor and two areas: all that Qwen's resize depends on. */
export interface ResizeLimits {
  /** Both sides become multiples of this. */
  readonly factor: number;
  readonly minPixels: number;
  readonly maxPixels: number;
}

/** The limits of qwen-vl-utils. Source: QwenLM/Qwen2.5-VL qwen-vl-utils/src/qwen_vl_utils/vision_process.py. */
export const QWEN_LIMITS: ResizeLimits = { factor: 28, minPixels: 4 * 28 * 28, maxPixels: 16384 * 28 * 28 };

/** Area in pixels from which Pillow refuses an image. Source: PIL/Image.py, MAX_IMAGE_PIXELS, twice. */
const BOMB_PIXELS = 2 * Math.trunc(1024 ** 3 / 4 / 3);

/** Characters of a call that an error quotes, more than any sensible call has: errors go into the next round's prompt. */
const MAX_QUOTED = 1000;

/** A piece of a call as an error quotes it. */
export function quoted(text: string): string {
  return text.slice(0, MAX_QUOTED);
}

/** An error that the model reads. */
export function callError(message: string): NamedError {
  return new NamedError('ToolCallError', message);
}

/** Python's `round` to a whole number: ties go to the even neighbour. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below % 2 === 0 ? below : below + 1;
  return rest < 0.5 ? below : below + 1;
}

/** Python's `max`: the first where neither is greater, so that what is no number loses. */
export function pythonMax(a: number, b: number): number {
  return b > a ? b : a;
}

/** Python's `min`: the first where neither is less. */
export function pythonMin(a: number, b: number): number {
  return b < a ? b : a;
}

/** Python's `int` of a float. Throws ToolCallError with Python's words for what is no finite number. */
export function toInt(value: number): number {
  if (Number.isNaN(value)) throw callError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw callError('cannot convert float infinity to integer');
  return Math.trunc(value);
}

/**
 * Pillow's `Image.crop` as a step: sides rounded to the even neighbour, black beyond the image. Throws ToolCallError with Pillow's
 * words for a box that is turned around or huge. An empty one becomes a black pixel: Pillow resizes it to black, and all callers
 * resize.
 */
export function cropStep([left, top, right, bottom]: Box): ViewStep {
  if (right < left) throw callError("Coordinate 'right' is less than 'left'");
  if (bottom < top) throw callError("Coordinate 'lower' is less than 'upper'");
  const [x0, y0, x1, y1] = [left, top, right, bottom].map((side) => roundHalfEven(finite(side)));
  const crop = { left: x0 ?? 0, top: y0 ?? 0, width: (x1 ?? 0) - (x0 ?? 0), height: (y1 ?? 0) - (y0 ?? 0) };
  if (crop.width * crop.height > BOMB_PIXELS) {
    throw callError(
      `Image size (${BigInt(crop.width) * BigInt(crop.height)} pixels) exceeds limit of ${BOMB_PIXELS} pixels, ` +
        'could be decompression bomb DOS attack.',
    );
  }
  if (crop.width === 0 || crop.height === 0) return { crop: { left: -1, top: -1, width: 1, height: 1 } };
  return { crop };
}

function finite(value: number): number {
  toInt(value);
  return value;
}

/**
 * The size that qwen-vl-utils and its copies resize to: at least one factor a side, unlike the model's own processor. Sides may be
 * fractions. Throws ToolCallError where Python divides by zero or takes the root of a negative number.
 * Source: smart_resize in qwen-vl-utils/src/qwen_vl_utils/vision_process.py.
 */
export function qwenSize({ width, height }: PixelSize, { factor, minPixels, maxPixels }: ResizeLimits): PixelSize {
  const nearest = (side: number): number => Math.max(factor, roundHalfEven(finite(side) / factor) * factor);
  const [w, h] = [nearest(width), nearest(height)];
  if (w * h > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    const fit = (side: number): number => Math.floor(side / shrink / factor) * factor;
    return { width: fit(width), height: fit(height) };
  }
  if (w * h < minPixels) {
    if (height * width === 0) throw callError('float division by zero');
    if (height * width < 0) throw callError('math domain error');
    const grow = Math.sqrt(minPixels / (height * width));
    const fit = (side: number): number => Math.ceil((side * grow) / factor) * factor;
    return { width: fit(width), height: fit(height) };
  }
  return { width: w, height: h };
}

/** `qwenSize`, with the check of qwen-vl-utils itself. Throws ToolCallError with its words for an aspect ratio over 200. */
export function checkedQwenSize(size: PixelSize, limits: ResizeLimits): PixelSize {
  const ratio = Math.max(size.width, size.height) / Math.min(size.width, size.height);
  if (ratio > 200) throw callError(`absolute aspect ratio must be smaller than 200, got ${ratio}`);
  return qwenSize(size, limits);
}

/** What qwen-vl-utils does to every image before the processor. Source: fetch_image in its vision_process.py. */
export function fetchStep(size: PixelSize): ViewStep {
  return { ...checkedQwenSize(size, QWEN_LIMITS), filter: 'bicubic' };
}
