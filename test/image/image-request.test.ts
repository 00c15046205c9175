/** The plan of a request against the prepared view; crops against images of the same pixels. */
import { describe, expect, it } from 'vitest';
import { budgetSize, enlargedSize, fitPixelBudget } from '../../src/image/half-resolution.ts';
import { planView, prepareView } from '../../src/image/image-request.ts';
import { DEFAULT_PROCESSOR_SETTINGS as processor } from '../../src/architectures/qwen2_5_vl/image-processor.ts';
import { fullOf, halfOf, requestKey } from '../../src/shared/image-request.ts';
import { syntheticImage } from '../helpers/synthetic-image.ts';

const FREE = { processor, pixelBudget: null };
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

const WHOLE = { half: halfOf(0), full: fullOf(0) } as const;

describe('a view of the whole image', () => {
  for (const pixelBudget of [null, 100_000, 512 * 512]) {
    it.each(SIZES)(`matches its plan, %d x %d within ${pixelBudget} pixels`, (width, height) => {
      const limits = { processor, pixelBudget };
      const original = syntheticImage(width, height, 9);
      for (const request of Object.values(WHOLE)) {
        const image = prepareView(original, request, limits);
        const tokens = (image.gridThw[1] * image.gridThw[2]) / 4;
        expect({ width: image.width, height: image.height, tokens }).toEqual(planView(original, request, limits));
      }
    });
  }

  it.each(SIZES)('matches its plan, %d x %d of at least 60000 pixels', (width, height) => {
    const original = syntheticImage(width, height, 9);
    for (const pixelBudget of [null, 30_000]) {
      const limits = { processor, pixelBudget, minPixels: 60_000 };
      for (const request of Object.values(WHOLE)) {
        const image = prepareView(original, request, limits);
        const tokens = (image.gridThw[1] * image.gridThw[2]) / 4;
        expect({ width: image.width, height: image.height, tokens }).toEqual(planView(original, request, limits));
      }
      const { width: shown, height: tall } = planView(original, fullOf(0), limits);
      expect(shown * tall).toBeGreaterThan(0.7 * Math.min(60_000, pixelBudget ?? 60_000));
    }
  });

  // Expected sizes: Python's int(side * math.sqrt(least / area)), as process_image of VisionThink's training has it.
  it.each([
    [300, 200, 262144, 627, 418],
    [640, 480, 262144, 640, 480],
    [101, 99, 10000, 101, 99],
    [7, 3000, 262144, 24, 10599],
    [513, 511, 262144, 513, 511],
    [1, 1, 784, 28, 28],
    [333, 777, 262144, 335, 782],
  ])('of %d x %d pixels is enlarged to %d: %d x %d', (width, height, least, toWidth, toHeight) => {
    expect(enlargedSize({ width, height }, least)).toEqual({ width: toWidth, height: toHeight });
  });

  it('of a region is not enlarged', () => {
    const request = { region: { left: 3, top: 4, width: 56, height: 56 }, scale: 1 };
    const source = { width: 100, height: 100 };
    expect(planView(source, request, { ...FREE, minPixels: 60_000 })).toEqual(planView(source, request, FREE));
  });

  it('has a quarter of the tokens at half resolution where sizes divide evenly', () => {
    const tokens = Object.values(WHOLE).map((request) => planView({ width: 1120, height: 1120 }, request, FREE).tokens);
    expect(tokens).toEqual([400, 1600]);
  });

  it('is refused for an extreme aspect ratio before any pixel is read', () => {
    const needle = { width: 1, height: 2 ** 27, data: new Uint8Array(0) };
    for (const request of Object.values(WHOLE)) {
      expect(() => prepareView(needle, request, FREE)).toThrow(expect.objectContaining({ name: 'ImageShapeError' }));
      expect(() => planView(needle, request, FREE)).toThrow(expect.objectContaining({ name: 'ImageShapeError' }));
    }
  });
});

describe('a view of a region', () => {
  const source = syntheticImage(300, 200, 4);

  it.each([
    [10, 20, 90, 64, 1],
    [0, 0, 300, 200, 1],
    [299, 199, 1, 1, 1],
    [150, 3, 57, 121, 1 / 2],
    [40, 40, 30, 30, 3],
  ])(
    'equals the view of an image of these pixels alone: (%d, %d) %d x %d, scale %d',
    (left, top, width, height, scale) => {
      const region = { left, top, width, height };
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
        const [row, column] = [Math.floor(i / (width * 3)), i % (width * 3)];
        return source.data[((top + row) * source.width + left) * 3 + column] ?? 0;
      });
      for (const pixelBudget of [null, 4000]) {
        const limits = { processor, pixelBudget };
        const view = prepareView(source, { region, scale }, limits);
        const alone = prepareView({ width, height, data }, { region: null, scale }, limits);
        expect(view.seen).toEqual(alone.seen);
        expect(planView(source, { region, scale }, limits)).toMatchObject({ width: view.width, height: view.height });
      }
    },
  );

  it.each([
    [-1, 0, 10, 10],
    [0, 0, 301, 10],
    [295, 0, 6, 10],
    [0, 0, 0, 10],
    [0.5, 0, 10, 10],
    [NaN, 0, 10, 10],
    [0, 0, 1e9, 1],
  ])('is refused outside the image: (%d, %d) %d x %d', (left, top, width, height) => {
    const request = { region: { left, top, width, height }, scale: 1 };
    expect(() => planView(source, request, FREE)).toThrow(expect.objectContaining({ name: 'ImageRegionError' }));
    expect(() => prepareView(source, request, FREE)).toThrow(/does not lie in the image of 300 x 200/);
  });

  it('has a key of its own', () => {
    const region = { left: 1, top: 2, width: 3, height: 4 };
    const requests = [halfOf(0), fullOf(0), fullOf(1), { image: 0, region, scale: 1 }, { image: 0, region, scale: 2 }];
    expect(new Set(requests.map(requestKey)).size).toBe(requests.length);
    expect(requestKey({ image: 0, region: { ...region }, scale: 1 })).toBe(requestKey({ image: 0, region, scale: 1 }));
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
