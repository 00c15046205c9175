/**
 * The prompts that known models were trained on, as a model folder's prompts.json has them. Apart from what reads such a file, because
 * the page needs these only for a conversion, or for a tool that is not the model's own.
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py and verl/trainer/constants.py for the two VisionThink models; tool-prompts.json
 * names that of each other.
 */
import type { ChatFormat } from './chat-format.ts';
import type { JsonObject } from '../shared/json.ts';
import type { PromptSet } from '../shared/prompt-sets.ts';
import toolPrompts from './tool-prompts.json' with { type: 'json' };
import visionThink from './visionthink-prompts.json' with { type: 'json' };

/** The content of a model folder's prompts.json for one of the known sets. `chat` has those of an ordinary chat. */
export function promptsFile(set: PromptSet, chat: ChatFormat): JsonObject {
  if (set === 'chat') {
    const general = { system: chat.system, user_template: '{image}{question}' };
    return { image_placeholder: chat.imagePlaceholder, general };
  }
  if (set !== 'efficient' && set !== 'general') {
    const { source, section } = toolPrompts[set];
    return { source, image_placeholder: chat.imagePlaceholder, efficient: { tool: set, ...section } };
  }
  return { source: visionThink.source, image_placeholder: visionThink.image_placeholder, [set]: visionThink[set] };
}

/** Names of checkpoints, and the prompts they were trained with. */
const CHECKPOINTS: readonly (readonly [RegExp, PromptSet])[] = [
  [/visionthink[-_ ]?efficient/i, 'efficient'], // Senqiao/VisionThink-Efficient
  [/visionthink[-_ ]?general/i, 'general'], // Senqiao/VisionThink-General
  [/adaptvision/i, 'adaptvision'], // AdaptVision/AdaptVision-7B
  [/awares/i, 'awares'], // Kimhi/AWARES-Qwen2.5-VL-7B
  [/deepeyes(?!v)/i, 'deepeyes'], // ChenShawn/DeepEyes-7B; DeepEyesV2 asks otherwise
  [/mini-o3/i, 'mini-o3'], // Mini-o3/Mini-o3-7B-v1
  [/vigorl-multiturn.*visual-search/i, 'vigorl'], // gsarch/ViGoRL-Multiturn-3b-Visual-Search
  [/qwen3-vl/i, 'qwen-zoom'], // Qwen/Qwen3-VL-2B-Instruct
];

/** The set for a checkpoint without a prompts.json, chosen by the checkpoint's name. */
export function promptSetFor(checkpointName: string): PromptSet {
  return CHECKPOINTS.find(([name]) => name.test(checkpointName))?.[1] ?? 'chat';
}
