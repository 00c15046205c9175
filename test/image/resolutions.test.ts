/** The plan of both resolutions against what preparing them really gives. */
import { describe, expect, it } from 'vitest';
import { budgetSize, fitPixelBudget } from '../../src/image/half-resolution.ts';
import { planResolutions, prepareImage } from '../../src/image/resolutions.ts';
import { DEFAULT_PROCESSOR_SETTINGS as settings } from '../../src/model/processor-settings.ts';
import { syntheticImage } from '../helpers/synthetic-image.ts';

const SIZES = [
  [640, 480],
  [641, 479],
  [1, 1],
  [27, 400],
  [55, 31],
  [1000, 6],
  [350, 210],
  [1201, 903],
  [28, 28],
  [3, 300],
] as const;

describe('planResolutions', () => {
  for (const budget of [null, 100_000, 512 * 512]) {
    it.each(SIZES)(`says what prepareImage does with %d x %d and a budget of ${budget} pixels`, (width, height) => {
      const plan = planResolutions(width, height, settings, budget);
      const original = syntheticImage(width, height, 9);
      for (const resolution of ['half', 'full'] as const) {
        const image = prepareImage(original, resolution, settings, budget);
        const tokens = (image.gridThw[1] * image.gridThw[2]) / 4;
        expect({ width: image.width, height: image.height, tokens }).toEqual(plan[resolution]);
      }
    });
  }

  it('makes half a quarter of full where sizes divide evenly', () => {
    const { half, full } = planResolutions(1120, 1120, settings, null);
    expect([half.tokens, full.tokens]).toEqual([400, 1600]);
  });

  it('refuses a needle before any pixel is touched', () => {
    const needle = { width: 1, height: 2 ** 27, data: new Uint8Array(0) };
    expect(() => prepareImage(needle, 'half', settings, null)).toThrow(
      expect.objectContaining({ name: 'ImageShapeError' }),
    );
    expect(() => planResolutions(1, 2 ** 27, settings, null)).toThrow(
      expect.objectContaining({ name: 'ImageShapeError' }),
    );
  });
});

describe('the pixel budget', () => {
  it('leaves an image within the budget as it is', () => {
    const image = syntheticImage(30, 20, 1);
    expect(fitPixelBudget(image, 600)).toBe(image);
    expect(fitPixelBudget(image, null)).toBe(image);
  });

  it('keeps the aspect ratio and never exceeds the budget', () => {
    const { width, height } = budgetSize({ width: 4000, height: 3000 }, 1_000_000);
    expect(width * height).toBeLessThanOrEqual(1_000_000);
    expect(width / height).toBeCloseTo(4 / 3, 2);
    expect(fitPixelBudget(syntheticImage(200, 100, 1), 5000)).toMatchObject({ width: 100, height: 50 });
  });

  it('never makes a side smaller than one pixel', () => {
    expect(budgetSize({ width: 1, height: 10_000 }, 100)).toEqual({ width: 1, height: 1000 });
  });
});
