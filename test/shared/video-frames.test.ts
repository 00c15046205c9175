/** The frames of a video that a model is shown. Expected values: numpy 2.4, linspace(0, total - 1, 8, dtype=int). */
import { expect, it } from 'vitest';
import { frameIndices } from '../../src/shared/video-frames.ts';

it.each([
  [0, []],
  [1, [0]],
  [7, [0, 1, 2, 3, 4, 5, 6]],
  [8, [0, 1, 2, 3, 4, 5, 6, 7]],
  [9, [0, 1, 2, 3, 4, 5, 6, 8]],
  [20, [0, 2, 5, 8, 10, 13, 16, 19]],
  [301, [0, 42, 85, 128, 171, 214, 257, 300]],
])('are up to eight of %i', (total, indices) => {
  expect(frameIndices(total)).toEqual(indices);
});
