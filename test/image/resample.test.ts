/** Resampling against Pillow, byte for byte. Goldens: test/golden/make/resample.py. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { liftSmall, scaleImage } from '../../src/image/half-resolution.ts';
import { resample } from '../../src/image/resample.ts';
import { syntheticImage } from '../helpers/synthetic-image.ts';

type ResampleCase = [number, number, number, number, 'lanczos' | 'bicubic', number, string];
type HalfCase = [number, number, number, 'half' | 'full', number, number, string];

function golden(name: string): { cases: unknown[] } {
  return JSON.parse(readFileSync(new URL(`../golden/${name}`, import.meta.url), 'utf8'));
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('resample', () => {
  const cases = golden('resample.json').cases as ResampleCase[];

  it('has at least 200 size pairs to compare', () => {
    expect(new Set(cases.map((row) => row.slice(0, 4).join(' '))).size).toBeGreaterThanOrEqual(200);
  });

  it('gives the bytes Pillow gives, for every size pair and filter', () => {
    const wrong = cases.filter(([width, height, toWidth, toHeight, filter, seed, sha]) => {
      const result = resample(syntheticImage(width, height, seed), toWidth, toHeight, filter);
      return result.width !== toWidth || result.height !== toHeight || sha256(result.data) !== sha;
    });
    expect(wrong).toEqual([]);
  });

  it('returns the image itself when its size does not change', () => {
    const image = syntheticImage(31, 17, 1);
    expect(resample(image, 31, 17, 'lanczos')).toBe(image);
  });

  it('does not write into the image it was given', () => {
    const image = syntheticImage(31, 17, 1);
    resample(image, 40, 9, 'bicubic');
    expect(image.data).toEqual(syntheticImage(31, 17, 1).data);
  });

  it.each([
    [0, 5],
    [5, -1],
    [2.5, 5],
    [Number.NaN, 5],
  ])('refuses a target of %d x %d', (width, height) => {
    expect(() => resample(syntheticImage(4, 4, 1), width, height, 'lanczos')).toThrow(
      expect.objectContaining({ name: 'ImageShapeError' }),
    );
  });
});

describe('the steps before the processor', () => {
  const cases = golden('half-resolution.json').cases as HalfCase[];

  it.each(cases)(
    "takes %d x %d (seed %d) to Pillow's %s image",
    (width, height, seed, resolution, toWidth, toHeight, sha) => {
      const original = syntheticImage(width, height, seed);
      const image = liftSmall(scaleImage(original, resolution === 'half' ? 1 / 2 : 1));
      expect([image.width, image.height]).toEqual([toWidth, toHeight]);
      expect(sha256(image.data)).toBe(sha);
    },
  );
});
