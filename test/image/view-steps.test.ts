/** Steps of views: sizes against images, crops beyond the edges, what is refused, and which part of the source is shown. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PROCESSOR_SETTINGS as processor } from '../../src/architectures/qwen2_5_vl/image-processor.ts';
import { planView, prepareView } from '../../src/image/image-request.ts';
import { MAX_STEP_PIXELS, runSteps, shownBySteps, sizeAfter, wholePixels } from '../../src/image/view-steps.ts';
import { fullOf, requestKey, type ViewStep } from '../../src/shared/image-request.ts';
import { syntheticImage } from '../helpers/synthetic-image.ts';

const SOURCE = syntheticImage(90, 70, 3);

const side = fc.integer({ min: 1, max: 60 });
const offset = fc.integer({ min: -40, max: 80 });
const step: fc.Arbitrary<ViewStep> = fc.oneof(
  fc.record({ crop: fc.record({ left: offset, top: offset, width: side, height: side }) }),
  fc.record({ width: side, height: side, filter: fc.constantFrom('lanczos', 'bicubic', 'nearest') }),
);

describe('the steps of a view', () => {
  it('make an image of the planned size', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), (steps) => {
        const { width, height } = runSteps(SOURCE, steps);
        expect({ width, height }).toEqual(sizeAfter(SOURCE, steps));
      }),
    );
  });

  it('run before the pixel budget and the processor', () => {
    const steps: readonly ViewStep[] = [
      { crop: { left: 10, top: 5, width: 60, height: 40 } },
      { width: 240, height: 160, filter: 'lanczos' },
    ];
    for (const pixelBudget of [null, 9000]) {
      const request = { ...fullOf(0), steps };
      const limits = { processor, pixelBudget };
      const view = prepareView(SOURCE, request, limits);
      expect({ width: view.width, height: view.height }).toEqual({
        width: planView(SOURCE, request, limits).width,
        height: planView(SOURCE, request, limits).height,
      });
      expect(view.seen).toEqual(prepareView(runSteps(SOURCE, steps), fullOf(0), limits).seen);
    }
  });

  it('leave black what lies beyond the image', () => {
    const { data } = runSteps(SOURCE, [{ crop: { left: 88, top: -1, width: 4, height: 2 } }]);
    const pixel = (x: number, y: number): number[] => [...SOURCE.data.subarray((y * 90 + x) * 3, (y * 90 + x) * 3 + 3)];
    const black = [0, 0, 0];
    expect([...data]).toEqual([...Array(4).fill(black).flat(), ...pixel(88, 0), ...pixel(89, 0), ...black, ...black]);
    expect(runSteps(SOURCE, [{ crop: { left: 500, top: 500, width: 3, height: 1 } }]).data).toEqual(new Uint8Array(9));
  });

  it.each<ViewStep>([
    { crop: { left: 0, top: 0, width: 0, height: 5 } },
    { crop: { left: 0.5, top: 0, width: 5, height: 5 } },
    { crop: { left: NaN, top: 0, width: 5, height: 5 } },
    { crop: { left: 0, top: 0, width: MAX_STEP_PIXELS, height: 2 } },
    { width: 1e9, height: 1e9, filter: 'nearest' },
    { width: -3, height: 4, filter: 'lanczos' },
  ])('refuse %o by name, before any pixel is touched', (bad) => {
    const named = expect.objectContaining({ name: 'ImageRegionError' });
    expect(() => planView(SOURCE, { ...fullOf(0), steps: [bad] }, { processor, pixelBudget: null })).toThrow(named);
    expect(() => runSteps(SOURCE, [bad])).toThrow(named);
  });

  it('say which part of the source they show', () => {
    const steps: readonly ViewStep[] = [
      { width: 180, height: 35, filter: 'bicubic' },
      { crop: { left: 20, top: 10, width: 40, height: 20 } },
      { width: 400, height: 400, filter: 'bicubic' },
      { crop: { left: 100, top: 200, width: 200, height: 100 } },
    ];
    const shown = shownBySteps(SOURCE, steps);
    expect(shown).toEqual({ left: 15, top: 40, width: 10, height: 10 });
    expect(wholePixels(SOURCE, shown)).toEqual(shown);
    expect(wholePixels(SOURCE, { left: -4.5, top: 68.2, width: 5, height: 9 })).toEqual({
      left: 0,
      top: 68,
      width: 1,
      height: 2,
    });
  });

  it('are part of a request, so that other steps are another view', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3 }), fc.array(step, { maxLength: 3 }), (a, b) => {
        const keys = [a, b].map((steps) => requestKey({ ...fullOf(0), steps }));
        expect(keys[0] === keys[1]).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});
