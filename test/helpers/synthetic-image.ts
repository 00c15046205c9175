/**
 * Images made from a seed, the same bytes here and in test/golden/make/synthetic_image.py: blocks of 8 x 8 pixels that are
 * smooth, noisy, black-and-white or flat, so that rounding and clipping are both exercised.
 */
import type { RgbImage } from '../../src/shared/rgb-image.ts';

/** A `width` x `height` image that depends only on its arguments. `seed` is a whole number of 32 bits. */
export function syntheticImage(width: number, height: number, seed: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const block = mix((y >> 3) * 4096 + (x >> 3) + seed);
      for (let channel = 0; channel < 3; channel++) {
        data[at] = valueOf(block & 3, block, x, y, channel, mix(at ^ seed));
        at++;
      }
    }
  }
  return { width, height, data };
}

function valueOf(kind: number, block: number, x: number, y: number, channel: number, noise: number): number {
  if (kind === 0) return (x * (channel + 1) + y * (3 - channel)) & 255;
  if (kind === 1) return noise & 255;
  if (kind === 2) return (noise & 1) * 255;
  return (block >>> (8 * channel + 2)) & 255;
}

/** Scrambles 32 bits (the finaliser of MurmurHash3). */
function mix(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
