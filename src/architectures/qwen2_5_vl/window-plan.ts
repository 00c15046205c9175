/**
 * The vision tower's patch order: which merge groups form a window, and the rotary angles of each patch. Depends on the
 * size of the grid alone.
 * Source: transformers modeling_qwen2_5_vl.py (get_window_index, rot_pos_emb).
 */
import type { QwenConfig } from './config.ts';
import { inverseFrequencies } from '../../model/rotary.ts';
import type { WindowPlan } from '../architecture.ts';
import { VISION_ROPE_THETA } from './vision-config.ts';

/** Plans windows for `gridHeight` x `gridWidth` patches, both multiples of the merge size. */
export function planWindows(vision: QwenConfig['vision'], gridHeight: number, gridWidth: number): WindowPlan {
  const merge = vision.spatialMergeSize;
  const groupPatches = merge * merge;
  const groupRows = gridHeight / merge;
  const groupColumns = gridWidth / merge;
  const side = Math.floor(vision.windowSize / merge / vision.patchSize); // groups a window is wide

  // Windows row by row; inside a window, groups row by row.
  const windowIndex: number[] = [];
  const sizes: number[] = [];
  for (let top = 0; top < groupRows; top += side) {
    for (let left = 0; left < groupColumns; left += side) {
      const before = windowIndex.length;
      for (let row = top; row < Math.min(top + side, groupRows); row++) {
        for (let column = left; column < Math.min(left + side, groupColumns); column++) {
          windowIndex.push(row * groupColumns + column);
        }
      }
      sizes.push((windowIndex.length - before) * groupPatches);
    }
  }

  return {
    windowIndex: Uint32Array.from(windowIndex),
    windowSizes: sizes,
    ...rotary(vision, windowIndex, groupColumns),
  };
}

/** Two-dimensional rotary angles: the first half of the frequencies rotates with the row, the second with the column. */
function rotary(
  { headDim, spatialMergeSize: merge }: QwenConfig['vision'],
  windowIndex: readonly number[],
  groupColumns: number,
): { cos: Float32Array; sin: Float32Array } {
  const half = headDim / 2;
  const quarter = half / 2;
  const inverse = inverseFrequencies(VISION_ROPE_THETA, half);
  const cos = new Float32Array(windowIndex.length * merge * merge * half);
  const sin = new Float32Array(cos.length);
  // A position's angles are those of every patch in its row or column.
  const positions = merge * Math.max(groupColumns, windowIndex.length / groupColumns);
  const angles = Float32Array.from({ length: positions * quarter }, (_, i) =>
    Math.fround(Math.floor(i / quarter) * (inverse[i % quarter] ?? 0)),
  );
  const [cosOf, sinOf] = [angles.map(Math.cos), angles.map(Math.sin)];
  let at = 0;
  for (const group of windowIndex) {
    const top = Math.floor(group / groupColumns) * merge;
    const left = (group % groupColumns) * merge;
    for (let dy = 0; dy < merge; dy++) {
      for (let dx = 0; dx < merge; dx++) {
        for (const position of [top + dy, left + dx]) {
          for (let j = position * quarter; j < (position + 1) * quarter; j++, at++) {
            cos[at] = cosOf[j] ?? 0;
            sin[at] = sinOf[j] ?? 0;
          }
        }
      }
    }
  }
  return { cos, sin };
}
