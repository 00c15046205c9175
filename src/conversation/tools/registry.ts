/** All tools, one line each. A model's prompts.json names the one it was trained with; a person may choose another. */
import { ADAPTVISION } from './adaptvision.ts';
import { AWARES } from './awares.ts';
import { DEEPEYES } from './deepeyes.ts';
import { MINI_O3 } from './mini-o3.ts';
import { QWEN_ZOOM } from './qwen-zoom.ts';
import { RESIZE } from './resize.ts';
import type { Tool } from './tool.ts';
import { VIGORL } from './vigorl.ts';

/** The tools, the default one first: it parses the calls of models whose prompts name none. */
export const TOOLS: readonly [Tool, ...Tool[]] = [
  RESIZE, // VisionThink
  ADAPTVISION,
  AWARES,
  DEEPEYES,
  MINI_O3,
  VIGORL,
  QWEN_ZOOM, // Qwen3-VL
];
