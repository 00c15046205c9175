/** Generates a round's response: token by token, or by drafts that prove right. */
import type { TextKind } from '../protocol/events.ts';
import type { FinishReason } from '../protocol/turn.ts';
import type { NextToken } from './decoder.ts';
import { ResponseSplitter } from './response.ts';
import type { Sampler } from './sampler.ts';
import { TextStream } from './text-stream.ts';
import type { TurnParts } from './turn-parts.ts';

/** Tokens of the prompt's end that a response is remembered with, so that its beginning can be drafted too. */
const DRAFT_CONTEXT = 8;

/** What a generation fills while it runs, so that a stop leaves what is there. */
export interface Response {
  readonly tokenIds: number[];
  draftedTokens: number;
  acceptedTokens: number;
}

/** What a generation goes by. */
export interface GenerateOptions {
  /** What the prompt ended with. */
  readonly prefilled: NextToken;
  /** The ids of the text the prompt ends with. */
  readonly before: readonly number[];
  /** Ids that take the place of the model's own, or null. */
  readonly forced: readonly number[] | null;
  /** null: greedy. */
  readonly sampler: Sampler | null;
  readonly maxNewTokens: number;
  /** Neither drafts nor an end before maxNewTokens. */
  readonly plain: boolean;
  readonly onText: (kind: TextKind, delta: string) => void;
  readonly onToken: () => void;
  readonly signal: AbortSignal;
}

/** Generates until the model ends its turn or nothing more fits. Throws StoppedError when the signal fires. */
export async function generate(
  { decoder, drafts, tokenizer, eosTokenIds, endOfTurn }: TurnParts,
  response: Response,
  { prefilled, forced, sampler, maxNewTokens, plain, onText, onToken, signal, ...options }: GenerateOptions,
): Promise<FinishReason> {
  const { tokenIds } = response;
  const stream = new TextStream(tokenizer);
  const splitter = new ResponseSplitter(onText);
  const limit = forced === null ? maxNewTokens : forced.length;
  const ends = plain ? [] : [...eosTokenIds, endOfTurn];
  const before = options.before.slice(-DRAFT_CONTEXT);
  /** Takes the model's next token; gives how the round ends with it, or null. */
  const take = (id: number): FinishReason | null => {
    tokenIds.push(id);
    onToken();
    if (ends.includes(id)) return 'stop';
    splitter.push(stream.push(id));
    return tokenIds.length >= limit ? 'length' : null;
  };
  let finish: FinishReason | null = limit > 0 ? null : 'length';
  let tokens: readonly number[] = [prefilled.greedy];
  let { logits } = prefilled;
  try {
    while (finish === null) {
      const forcedId = forced?.[tokenIds.length];
      if (forcedId !== undefined) tokens = [forcedId];
      else if (sampler !== null && logits !== null) tokens = [sampler.sample(logits)];
      for (const id of tokens) {
        finish = take(id);
        if (finish !== null) break;
      }
      if (decoder.room < 1) finish ??= 'length';
      if (finish !== null) break;
      const room = Math.min(limit - tokenIds.length, decoder.room) - 1;
      const greedy = sampler === null && forced === null && !plain;
      const draft = greedy ? drafts.propose([...before, ...tokenIds], room, ends) : [];
      const last = tokenIds.at(-1) ?? endOfTurn;
      ({ tokens, logits } = await decoder.step(last, { signal, wantLogits: sampler !== null, draft }));
      response.draftedTokens += draft.length;
      response.acceptedTokens += tokens.length - 1;
    }
  } finally {
    splitter.push(stream.end());
    splitter.end();
  }
  drafts.remember([...before, ...tokenIds]);
  return finish;
}
