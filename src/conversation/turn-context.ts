/** The components of a loaded model that a turn uses. */
import type { Decoder } from '../engine/decoder.ts';
import type { PromptLookup } from '../engine/prompt-lookup.ts';
import type { MarkUnit } from '../model/chat-format.ts';
import type { Prompts } from '../model/prompts.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { ResponseTags } from '../shared/response-tags.ts';
import type { PromptBuilder } from './prompt-builder.ts';
import type { Tool } from './tools/tool.ts';

/** The context of a turn. */
export interface TurnContext {
  readonly prompts: Prompts;
  /** Parses the model's calls; offered only if the prompts have a tool. */
  readonly tool: Tool;
  /** What marks the kinds of text in the model's responses. */
  readonly tags: ResponseTags;
  /** What boxes and points in the model's answers count in. */
  readonly markUnit: MarkUnit;
  readonly builder: PromptBuilder;
  readonly tokenizer: Tokenizer;
  readonly decoder: Decoder;
  readonly drafts: PromptLookup;
  /** Ids that end a response. */
  readonly ends: readonly number[];
}
