/** Padded windows: every patch sees its own window and nothing else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planWindows } from '../../../src/architectures/qwen2_5_vl/window-plan.ts';
import { padWindows } from '../../../src/architectures/qwen2_5_vl/window-padding.ts';
import { smallConfig } from '../../helpers/scripted-engine.ts';

const VISION = smallConfig(16).vision;
const sides = fc.integer({ min: 1, max: 21 }).map((groups) => groups * 2);
const sizes = fc.constantFrom(56, 112, 168);

describe('padWindows', () => {
  it('lets every patch see its own window and nothing else', () => {
    fc.assert(
      fc.property(sides, sides, sizes, (height, width, windowSize) => {
        const plan = planWindows({ ...VISION, windowSize }, height, width);
        const { windowSizes } = plan;
        const padded = padWindows(plan);
        const { windowPatches } = padded;
        expect([padded.windows, windowPatches]).toEqual([windowSizes.length, Math.max(...windowSizes)]);
        expect([...padded.windowIndex].map(Number)).toEqual([...plan.windowIndex]);
        plan.windowIndex.forEach((group, place) => expect(Number(padded.reverseIndex[group])).toBe(place));
        let row = 0;
        windowSizes.forEach((length, window) => {
          for (let i = 0; i < windowPatches; i++) {
            const slot = window * windowPatches + i;
            const biases = padded.attentionBias.subarray(slot * windowPatches, (slot + 1) * windowPatches);
            expect(biases.every((bias, key) => bias === (key < length ? 0 : -30000))).toBe(true);
            if (i >= length) continue;
            expect(Number(padded.windowRows[slot])).toBe(row);
            expect(Number(padded.windowSlots[row])).toBe(slot);
            row++;
          }
        });
        expect(row).toBe(height * width);
        expect(padded.windowRows.every((from) => from >= 0n && from < height * width)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});
