/** The vision tower's windows in the form of its ONNX graph: all of one size, smaller ones padded and masked. */
import type { WindowPlan } from '../architecture.ts';

/** A plan of windows in the graph's terms. */
export interface PaddedWindows {
  /** `[groups]`: the merge group (image order) at each place in window order. */
  readonly windowIndex: BigInt64Array;
  /** `[groups]`: the inverse. */
  readonly reverseIndex: BigInt64Array;
  readonly windows: number;
  /** Patches of a full window (of the largest one, for small images). */
  readonly windowPatches: number;
  /** `[windows, windowPatches]`: rows in window order; padding refers to row 0. */
  readonly windowRows: BigInt64Array;
  /** `[patches]`: place of each row in the padded windows. */
  readonly windowSlots: BigInt64Array;
  /** `[windows, 1, windowPatches, windowPatches]`: 0, or MASKED where the key is padding. */
  readonly attentionBias: Float32Array;
}

/** Large enough to vanish after softmax, small enough for f16. */
const MASKED = -30000;

/** Pads the windows of a plan. */
export function padWindows({ windowIndex, windowSizes }: WindowPlan): PaddedWindows {
  const reverseIndex = new BigInt64Array(windowIndex.length);
  windowIndex.forEach((group, place) => (reverseIndex[group] = BigInt(place)));

  const windowPatches = Math.max(...windowSizes);
  const windowRows = new BigInt64Array(windowSizes.length * windowPatches);
  const windowSlots = new BigInt64Array(windowSizes.reduce((sum, size) => sum + size, 0));
  const attentionBias = new Float32Array(windowSizes.length * windowPatches * windowPatches);
  let row = 0;
  windowSizes.forEach((size, window) => {
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
  return {
    windowIndex: BigInt64Array.from(windowIndex, BigInt),
    reverseIndex,
    windows: windowSizes.length,
    windowPatches,
    windowRows,
    windowSlots,
    attentionBias,
  };
}
