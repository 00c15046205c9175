/**
 * The vision tower's order of things: which merge groups form a window, and where each patch sits. Computed once per
 * grid size and fed to the vision encoder.
 * Source: transformers modeling_qwen2_5_vl.py (get_window_index, rot_pos_emb).
 */
import type { ModelConfig } from '../model/model-config.ts';
import { inverseFrequencies, VISION_ROPE_THETA } from '../model/rotary.ts';

/** Everything the vision encoder needs to know about a grid of patches. */
export interface WindowPlan {
  /** `[groups]`: the merge group (image order) at each place in window order. */
  readonly windowIndex: BigInt64Array;
  /** `[groups]`: the inverse. */
  readonly reverseIndex: BigInt64Array;
  /** `[patches, headDim / 2]`, in window order. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  readonly windows: number;
  /** Patches of a full window (of the largest one, for small images). */
  readonly windowPatches: number;
  /** `[windows, windowPatches]`: rows in window order, padding pointing at row 0. */
  readonly windowRows: BigInt64Array;
  /** `[patches]`: place of each row in the padded windows. */
  readonly windowSlots: BigInt64Array;
  /** `[windows, 1, windowPatches, windowPatches]`: 0, or MASKED where the key is padding. */
  readonly attentionBias: Float32Array;
}

/** Large enough to vanish after softmax, small enough for f16. */
const MASKED = -30000;

/** Plans windows for `gridHeight` x `gridWidth` patches, both multiples of the merge size. */
export function planWindows(vision: ModelConfig['vision'], gridHeight: number, gridWidth: number): WindowPlan {
  const merge = vision.spatialMergeSize;
  const groupPatches = merge * merge;
  const groupRows = gridHeight / merge;
  const groupColumns = gridWidth / merge;
  const side = Math.floor(vision.windowSize / merge / vision.patchSize); // groups a window is wide

  // Windows row by row; inside a window, groups row by row. Windows at the right and lower edges may be smaller.
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

  const groups = windowIndex.length;
  const reverse = new BigInt64Array(groups);
  windowIndex.forEach((group, place) => (reverse[group] = BigInt(place)));

  const windowPatches = Math.max(...sizes);
  const windowRows = new BigInt64Array(sizes.length * windowPatches);
  const windowSlots = new BigInt64Array(groups * groupPatches);
  const attentionBias = new Float32Array(sizes.length * windowPatches * windowPatches);
  let row = 0;
  sizes.forEach((size, window) => {
    for (let i = 0; i < size; i++, row++) {
      const slot = window * windowPatches + i;
      windowRows[slot] = BigInt(row);
      windowSlots[row] = BigInt(slot);
    }
    for (let query = 0; query < windowPatches; query++) {
      const line = (window * windowPatches + query) * windowPatches;
      attentionBias.fill(MASKED, line + size, line + windowPatches);
    }
  });

  const { cos, sin } = rotary(vision, windowIndex, groupColumns);
  return {
    windowIndex: BigInt64Array.from(windowIndex, BigInt),
    reverseIndex: reverse,
    cos,
    sin,
    windows: sizes.length,
    windowPatches,
    windowRows,
    windowSlots,
    attentionBias,
  };
}

/** Two-dimensional rotary angles: the first half of the frequencies turns with the row, the second with the column. */
function rotary(
  { headDim, spatialMergeSize: merge }: ModelConfig['vision'],
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
