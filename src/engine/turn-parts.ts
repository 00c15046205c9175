/** What a loaded model lends to everything that makes a turn. */
import type { Prompts } from '../model/prompts.ts';
import type { QwenTokenizer } from '../model/tokenizer.ts';
import type { PromptBuilder } from './conversation.ts';
import type { Decoder } from './decoder.ts';
import type { Drafts } from './drafts.ts';

/** What a turn works with. */
export interface TurnParts {
  readonly prompts: Prompts;
  readonly builder: PromptBuilder;
  readonly tokenizer: QwenTokenizer;
  readonly decoder: Decoder;
  readonly drafts: Drafts;
  readonly eosTokenIds: readonly number[];
  /** `<|im_end|>`. */
  readonly endOfTurn: number;
}
