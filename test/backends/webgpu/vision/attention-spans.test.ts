/** Spans of attention against the plan of windows that the engine makes. */
import { describe, expect, it } from 'vitest';
import { planWindows } from '../../../../src/architectures/qwen2_5_vl/window-plan.ts';
import { imageSpans, windowSpans } from '../../../../src/backends/webgpu/vision/attention-spans.ts';
import { configFromCheckpoint } from '../../../../src/architectures/qwen2_5_vl/config.ts';
import { PRESETS } from '../../../../src/architectures/qwen2_5_vl/presets.ts';

const ids = { image_token_id: 5, vision_start_token_id: 6, vision_end_token_id: 7 };
const VISION = configFromCheckpoint({ ...ids, ...PRESETS.tiny.config }, { eos_token_id: 3 }).vision;

/** Spans as rows of four. */
function rows(spans: Uint32Array): number[][] {
  return Array.from({ length: spans.length / 4 }, (_, i) => [...spans.subarray(4 * i, 4 * i + 4)]);
}

describe('spans of attention', () => {
  it('are the windows, those at the edges smaller', () => {
    const { windowSizes } = planWindows(VISION, 10, 12);
    expect(rows(windowSpans(windowSizes, 64))).toEqual([
      [0, 64, 0, 64],
      [64, 96, 64, 96],
      [96, 112, 96, 112],
      [112, 120, 112, 120],
    ]);
  });

  it('split the queries of a window that is too large, each span against all keys of the window', () => {
    const { windowSizes } = planWindows(VISION, 6, 8);
    expect(rows(windowSpans(windowSizes, 32))).toEqual([
      [0, 32, 0, 48],
      [32, 48, 0, 48],
    ]);
  });

  it('of full attention cover the whole image', () => {
    expect(rows(imageSpans(100, 64))).toEqual([
      [0, 64, 0, 100],
      [64, 100, 0, 100],
    ]);
  });
});
