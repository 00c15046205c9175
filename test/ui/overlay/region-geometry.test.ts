/** Regions stay whole pixels inside the picture, whatever is dragged, pressed or typed; and what lies on the picture is in its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerMark } from '../../../src/protocol/turn.ts';
import type { ImageRequest, PixelRegion } from '../../../src/shared/image-request.ts';
import type { RoundView } from '../../../src/store/turn-state.ts';
import { told } from '../../../src/ui/overlay/marks.tsx';
import { sharesOf } from '../../../src/ui/overlay/outline.tsx';
import {
  type Corner,
  cornerOf,
  middleOf,
  moved,
  regionBetween,
  withCorner,
  withNumber,
} from '../../../src/ui/overlay/region-geometry.ts';
import { shownPart } from '../../../src/ui/overlay/shown-part.ts';

const SIZE = { width: 400, height: 300 };

const side = fc.integer({ min: 1, max: 5000 });
const size = fc.record({ width: side, height: side });
const number = fc.double({ min: -1e9, max: 1e9, noNaN: true });
const place = fc.record({ x: number, y: number });
const corner = fc.constantFrom<Corner>('nw', 'ne', 'sw', 'se');
const name = fc.constantFrom<keyof PixelRegion>('left', 'top', 'width', 'height');

describe('a region', () => {
  it('stays inside the picture', () => {
    fc.assert(
      fc.property(size, place, place, corner, name, number, (picture, a, b, at, field, value) => {
        const drawn = regionBetween(a, b, picture);
        const all = [drawn, moved(drawn, b, picture), withCorner(drawn, at, a, picture), middleOf(picture)];
        for (const region of [...all, withNumber(drawn, field, value, picture)]) {
          expect(Object.values(region).every(Number.isInteger)).toBe(true);
          expect(Math.min(region.left, region.top, region.width - 1, region.height - 1)).toBeGreaterThanOrEqual(0);
          expect(region.left + region.width).toBeLessThanOrEqual(picture.width);
          expect(region.top + region.height).toBeLessThanOrEqual(picture.height);
        }
      }),
    );
  });

  it('holds every pixel that a drag touches, in any direction', () => {
    const drawn = { left: 10, top: 20, width: 91, height: 31 };
    expect(regionBetween({ x: 10.4, y: 20.9 }, { x: 100.1, y: 50.5 }, SIZE)).toEqual(drawn);
    expect(regionBetween({ x: 100.1, y: 50.5 }, { x: 10.4, y: 20.9 }, SIZE)).toEqual(drawn);
  });

  it('keeps its size when moved, and its opposite corner when resized', () => {
    const region = { left: 10, top: 20, width: 100, height: 50 };
    expect(moved(region, { x: 1000, y: -1000 }, SIZE)).toEqual({ ...region, left: 300, top: 0 });
    expect(withCorner(region, 'nw', { x: 30, y: 40 }, SIZE)).toEqual({ left: 30, top: 40, width: 80, height: 30 });
    expect(cornerOf(region, 'ne')).toEqual({ x: 110, y: 20 });
  });
});

describe('what is on show', () => {
  const round = (request: ImageRequest): RoundView => ({
    round: 1,
    resolution: 'crop',
    images: [{ request, imageSize: { width: 56, height: 28 }, visualTokens: 2 }],
    imageSize: { width: 56, height: 28 },
    visualTokens: 2,
    seen: null,
    streamed: { thinking: '', toolCall: '', answer: '', text: '' },
    result: null,
  });
  const region = { left: 100, top: 50, width: 200, height: 100 };

  it('is the picture, a part of it, or neither', () => {
    expect(shownPart(SIZE, undefined)).toMatchObject({ frame: { left: 0, width: 400 }, shape: 4 / 3 });
    expect(shownPart(SIZE, round({ image: 0, region, scale: 1 }))).toMatchObject({ frame: region, shape: 2 });
    const steps = [{ crop: region }, { width: 56, height: 28, filter: 'bicubic' }] as const;
    expect(shownPart(SIZE, round({ image: 0, region, scale: 1, steps }))).toMatchObject({ frame: region });
    const beyond = [{ crop: { ...region, left: -5 } }];
    expect(shownPart(SIZE, round({ image: 0, region, scale: 1, steps: beyond }))).toBeNull();
    expect(shownPart(SIZE, round({ image: 1, region: null, scale: 1 }))).toBeNull();
  });

  it('says where boxes lie in it, far ones cut off', () => {
    expect(sharesOf([150, 75, 1e300, -1e300], region)).toEqual([0.25, 0.25, 2, -1]);
  });

  it('is told with its boxes and points, not with thousands of them', () => {
    const box: AnswerMark = { kind: 'box', image: 0, label: 'cat', box: [10.4, 20, 30, 40] };
    const point: AnswerMark = { kind: 'point', image: 0, label: null, point: [5, 6] };
    expect(told([box, point])).toBe('In the answer: cat, from 10, 20 to 30, 40; point at 5, 6');
    expect(told(new Array<AnswerMark>(10_000).fill(point))).toMatch(/; 9980 more$/);
  });
});
