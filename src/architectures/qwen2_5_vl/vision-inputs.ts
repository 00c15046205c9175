/** The vision encoder's inputs for an image's grid of patches: its window plan, under the graph's names. */
import type { QwenConfig } from './config.ts';
import { VISION_ENCODER as NAMES } from '../../onnx/graph-names.ts';
import type { PatchGrid, VisionInputs } from '../architecture.ts';
import { padWindows } from './window-padding.ts';
import { planWindows } from './window-plan.ts';

/** The inputs other than `pixel_values`. */
export function visionInputs(vision: QwenConfig['vision'], { height, width }: PatchGrid): VisionInputs {
  const plan = planWindows(vision, height, width);
  const padded = padWindows(plan);
  const { windows, windowPatches } = padded;
  const patches = height * width;
  const groups = plan.windowIndex.length;
  const rotaryDims = [patches, vision.headDim / 2];
  return {
    [NAMES.windowIndex]: { values: padded.windowIndex, dims: [groups] },
    [NAMES.reverseIndex]: { values: padded.reverseIndex, dims: [groups] },
    [NAMES.cos]: { values: plan.cos, dims: rotaryDims },
    [NAMES.sin]: { values: plan.sin, dims: rotaryDims },
    [NAMES.windowRows]: { values: padded.windowRows, dims: [windows, windowPatches] },
    [NAMES.windowSlots]: { values: padded.windowSlots, dims: [patches] },
    [NAMES.attentionBias]: { values: padded.attentionBias, dims: [windows, 1, windowPatches, windowPatches] },
  };
}
