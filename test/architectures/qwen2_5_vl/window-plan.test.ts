/** The plan of windows against transformers' get_window_index and rot_pos_emb, transcribed below. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planWindows } from '../../../src/architectures/qwen2_5_vl/window-plan.ts';
import { smallConfig } from '../../helpers/scripted-engine.ts';

const VISION = smallConfig(16).vision;

/** get_window_index: pad the grid of merge groups to whole windows, cut it into windows, drop the padding. */
function reference(gridHeight: number, gridWidth: number, windowSize: number): { index: number[]; lengths: number[] } {
  const side = Math.floor(windowSize / 2 / 14);
  const height = gridHeight / 2;
  const width = gridWidth / 2;
  const padHeight = side - (height % side);
  const padWidth = side - (width % side);
  const windowsDown = (height + padHeight) / side;
  const windowsAcross = (width + padWidth) / side;
  const index: number[] = [];
  const lengths: number[] = [];
  for (let down = 0; down < windowsDown; down++) {
    for (let across = 0; across < windowsAcross; across++) {
      const before = index.length;
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) {
          const [y, x] = [down * side + row, across * side + column];
          if (y < height && x < width) index.push(y * width + x);
        }
      }
      lengths.push((index.length - before) * 4);
    }
  }
  // unique_consecutive of the cumulative lengths: empty windows vanish.
  return { index, lengths: lengths.filter((length) => length > 0) };
}

const sides = fc.integer({ min: 1, max: 21 }).map((groups) => groups * 2);
const windowSizes = fc.constantFrom(56, 112, 168);

describe('planWindows', () => {
  it('takes merge groups in the order of the reference, for any size', () => {
    fc.assert(
      fc.property(sides, sides, windowSizes, (height, width, windowSize) => {
        const plan = planWindows({ ...VISION, windowSize }, height, width);
        const { index, lengths } = reference(height, width, windowSize);
        expect([...plan.windowIndex]).toEqual(index);
        expect(plan.windowSizes).toEqual(lengths);
      }),
      { numRuns: 80 },
    );
  });

  it('rotates the first half of the frequencies by the row, the second by the column', () => {
    const vision = { ...VISION, headDim: 16 };
    const [height, width] = [10, 6];
    const plan = planWindows(vision, height, width);
    const half = vision.headDim / 2;
    // rot_pos_emb: patches group by group, each group row by row; then reordered by windows.
    plan.windowIndex.forEach((group, place) => {
      const [groupRow, groupColumn] = [Math.floor(group / (width / 2)), group % (width / 2)];
      for (let patch = 0; patch < 4; patch++) {
        const [y, x] = [groupRow * 2 + (patch >> 1), groupColumn * 2 + (patch & 1)];
        for (let j = 0; j < half; j++) {
          const frequency = 1 / 10000 ** ((2 * (j % (half / 2))) / half);
          const angle = (j < half / 2 ? y : x) * frequency;
          expect(plan.cos[(place * 4 + patch) * half + j]).toBeCloseTo(Math.cos(angle), 5);
          expect(plan.sin[(place * 4 + patch) * half + j]).toBeCloseTo(Math.sin(angle), 5);
        }
      }
    });
  });
});
