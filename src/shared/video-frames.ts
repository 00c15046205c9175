/** Which frames of a video a model is shown. */

/** Most frames. Source: dvlab-research/VisionThink scripts/vllm_tool.py, encode_video (max_frames_num). */
export const MAX_VIDEO_FRAMES = 8;

/** The indices of up to 8 of `total` frames, evenly from the first to the last, as numpy's `linspace` of integers. */
export function frameIndices(total: number): readonly number[] {
  if (total <= MAX_VIDEO_FRAMES) return Array.from({ length: total }, (_, i) => i);
  const step = (total - 1) / (MAX_VIDEO_FRAMES - 1);
  return Array.from({ length: MAX_VIDEO_FRAMES }, (_, i) =>
    i === MAX_VIDEO_FRAMES - 1 ? total - 1 : Math.floor(i * step),
  );
}
