/** What a loaded model lends to everything that makes a turn. */
import type { Decoder } from '../engine/decoder.ts';
import type { PromptLookup } from '../engine/prompt-lookup.ts';
import type { Prompts } from '../model/prompts.ts';
import type { QwenTokenizer } from '../model/tokenizer.ts';
import type { PromptBuilder } from './prompt-builder.ts';
import type { Tool } from './tools/tool.ts';

/** What a turn works with. */
export interface TurnContext {
  readonly prompts: Prompts;
  /** Reads the model's calls; offered only where the prompts know a tool. */
  readonly tool: Tool;
  readonly builder: PromptBuilder;
  readonly tokenizer: QwenTokenizer;
  readonly decoder: Decoder;
  readonly drafts: PromptLookup;
  /** Ids that end a response. */
  readonly ends: readonly number[];
}
