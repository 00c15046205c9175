/** The sets of prompts that the converter can write, by what a model was trained with. */
export const PROMPT_SETS = [
  'efficient', // VisionThink's with its tool
  'general', // VisionThink's without
  'chat', // an ordinary chat
  // Those of the other tools, by their names.
  'adaptvision',
  'awares',
  'deepeyes',
  'mini-o3',
  'vigorl',
  'qwen-zoom',
] as const;

/** The tools that a person may choose, by their names. */
export const TOOL_NAMES = ['resize', ...PROMPT_SETS.slice(3)] as const;

/** One of {@link PROMPT_SETS}. */
export type PromptSet = (typeof PROMPT_SETS)[number];

/** The set with the prompts of a tool; null for a tool that brings none. */
export function promptSetOf(tool: string): PromptSet | null {
  if (tool === 'resize') return 'efficient';
  return PROMPT_SETS.slice(3).find((set) => set === tool) ?? null;
}
