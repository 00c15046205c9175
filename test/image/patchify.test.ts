/** The vision encoder's input against transformers' image processor. Goldens: test/golden/make/processor.py. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { preprocess } from '../../src/image/patchify.ts';
import { DEFAULT_PROCESSOR_SETTINGS as settings } from '../../src/architectures/qwen2_5_vl/image-processor.ts';
import { syntheticImage } from '../helpers/synthetic-image.ts';

type ProcessorCase = [
  number,
  number,
  number,
  number,
  number,
  [number, number, number],
  [number, number],
  number,
  string,
  string,
];
const golden: { step: number; cases: ProcessorCase[] } = JSON.parse(
  readFileSync(new URL('../golden/processor.json', import.meta.url), 'utf8'),
);

describe('preprocess', () => {
  it.each(golden.cases)(
    'makes the pixel_values of transformers from %d x %d (seed %d, %d to %d pixels)',
    (width, height, seed, minPixels, maxPixels, gridThw, shape, sum, sha, kept) => {
      const result = preprocess(syntheticImage(width, height, seed), { ...settings, minPixels, maxPixels });
      expect(result.gridThw).toEqual(gridThw);
      expect([result.height, result.width]).toEqual([gridThw[1] * 14, gridThw[2] * 14]);
      const pixelValues = result.pixelValues();
      expect(pixelValues.length).toBe(shape[0] * shape[1]);

      const bytes = Buffer.from(kept, 'base64');
      let worst = 0;
      for (let i = 0; i * 4 < bytes.length; i++) {
        const got = pixelValues[i * golden.step] ?? Number.NaN;
        worst = Math.max(worst, Math.abs(got - bytes.readFloatLE(i * 4)));
      }
      expect(worst).toBeLessThanOrEqual(1e-6);
      expect(pixelValues.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 3);
      // Stricter than the bound: every float is the same.
      expect(createHash('sha256').update(pixelValues).digest('hex')).toBe(sha);
    },
  );

  it('repeats a still image in every frame of a patch', () => {
    const { gridThw, ...image } = preprocess(syntheticImage(84, 56, 3), settings);
    const pixelValues = image.pixelValues();
    expect(gridThw).toEqual([1, 4, 6]);
    for (let start = 0; start < pixelValues.length; start += 2 * 196) {
      expect(pixelValues.slice(start, start + 196)).toEqual(pixelValues.slice(start + 196, start + 392));
    }
  });

  it('takes other patch, frame and merge sizes', () => {
    const other = { ...settings, patchSize: 16, mergeSize: 1, temporalPatchSize: 1, minPixels: 256 };
    const { gridThw, seen, pixelValues } = preprocess(syntheticImage(48, 32, 3), other);
    expect(gridThw).toEqual([1, 2, 3]);
    expect(pixelValues().length).toBe(6 * 3 * 256);
    expect([seen.width, seen.height]).toEqual([48, 32]);
  });
});
