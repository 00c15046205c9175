/** What a loaded model lends to everything that makes a turn. */
import type { Prompts } from '../model/prompts.ts';
import type { QwenTokenizer } from '../model/tokenizer.ts';
import type { PromptBuilder } from './prompt-builder.ts';
import type { Decoder } from '../engine/decoder.ts';
import type { PromptLookup } from '../engine/prompt-lookup.ts';

/** What a turn works with. */
export interface TurnContext {
  readonly prompts: Prompts;
  readonly builder: PromptBuilder;
  readonly tokenizer: QwenTokenizer;
  readonly decoder: Decoder;
  readonly drafts: PromptLookup;
  readonly eosTokenIds: readonly number[];
  /** `<|im_end|>`. */
  readonly endOfTurn: number;
}
