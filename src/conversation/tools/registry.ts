/** All tools, one line each. A model's prompts.json names the one it was trained with. */
import { RESIZE } from './resize.ts';
import type { Tool } from './tool.ts';

/** The tools, the default one first: it parses the calls of models whose prompts name none. */
export const TOOLS: readonly [Tool, ...Tool[]] = [
  RESIZE, // VisionThink
];
