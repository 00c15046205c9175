/** Image files with the pixels Pillow gives for them. Made by test/golden/make/images.py. */
import { readFileSync } from 'node:fs';

/** One file of test/golden/images. `rgb`: the upright pixels on white, `[height, width, 3]`, as base64. */
interface ImageCase {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}

const golden: { cases: [string, number, number, string][] } = JSON.parse(
  readFileSync(new URL('../golden/images.json', import.meta.url), 'utf8'),
);

export const imageCases: readonly ImageCase[] = golden.cases.map(([name, width, height, rgb]) => {
  return { name, width, height, rgb };
});

/** Largest difference to Pillow where it is not 0: other JPEG and AVIF decoders, rounding of alpha. */
export function tolerance(name: string): number {
  if (name.endsWith('.avif') || name === 'lossy.webp') return 3;
  if (name.endsWith('.jpg')) return 2;
  return ['alpha.png', 'gray-alpha.png'].includes(name) ? 1 : 0;
}

/** The largest difference between the pixels of a case and a decoder's. */
export function worstDifference({ rgb }: ImageCase, decoded: ArrayLike<number>): number {
  const expected = Buffer.from(rgb, 'base64');
  if (decoded.length !== expected.length) return Infinity;
  return expected.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (decoded[i] ?? 0))), 0);
}
