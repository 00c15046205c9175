/** The processor's resize rule against transformers. Goldens: test/golden/make/processor.py. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_ASPECT_RATIO, smartResize } from '../../src/image/smart-resize.ts';
import { DEFAULT_PROCESSOR_SETTINGS as settings } from '../../src/architectures/qwen2_5_vl/image-processor.ts';

type SmartResizeCase = [number, number, number, number, number, number];
const golden: { cases: SmartResizeCase[] } = JSON.parse(
  readFileSync(new URL('../golden/smart-resize.json', import.meta.url), 'utf8'),
);

describe('smartResize', () => {
  it('agrees with transformers on every golden', () => {
    expect(golden.cases.length).toBeGreaterThanOrEqual(500);
    const wrong = golden.cases.filter(([width, height, minPixels, maxPixels, toWidth, toHeight]) => {
      const size = smartResize({ width, height }, { ...settings, minPixels, maxPixels });
      return size.width !== toWidth || size.height !== toHeight;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds half a token to the even neighbour', () => {
    expect(smartResize({ width: 350, height: 406 }, settings)).toEqual({ width: 336, height: 392 });
    expect(smartResize({ width: 378, height: 434 }, settings)).toEqual({ width: 392, height: 448 });
  });

  it('gives whole tokens within the limits for every accepted shape', () => {
    const side = fc.integer({ min: 1, max: 20000 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        fc.pre(Math.max(width, height) / Math.min(width, height) <= MAX_ASPECT_RATIO);
        const size = smartResize({ width, height }, settings);
        expect(size.width % 28).toBe(0);
        expect(size.height % 28).toBe(0);
        expect(size.width * size.height).toBeGreaterThanOrEqual(settings.minPixels);
        expect(size.width * size.height).toBeLessThanOrEqual(settings.maxPixels);
      }),
    );
  });

  it('refuses an aspect ratio over 200, with the value, the limit and what to do', () => {
    expect(smartResize({ width: 4000, height: 20 }, settings).height).toBe(28);
    expect(() => smartResize({ width: 4001, height: 20 }, settings)).toThrow(
      expect.objectContaining({
        name: 'ImageShapeError',
        message: expect.stringMatching(/4001 x 20.*200\.1; at most 200.*Crop/),
      }),
    );
  });

  it('refuses an empty image', () => {
    expect(() => smartResize({ width: 0, height: 20 }, settings)).toThrow(
      expect.objectContaining({ name: 'ImageShapeError' }),
    );
  });
});
