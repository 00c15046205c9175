/** Generates a round's response: token by token, in chains whose tokens come late, or by drafts that prove right. */
import type { TextKind } from '../protocol/events.ts';
import type { FinishReason } from '../protocol/turn.ts';
import type { NextToken } from '../engine/decoder.ts';
import { ResponseSplitter } from './response.ts';
import type { Sampler } from '../engine/sampler.ts';
import { TextStream } from '../engine/text-stream.ts';
import type { TurnContext } from './turn-context.ts';

/** Tokens of the prompt's end that a response is remembered with, so that its beginning can be drafted too. */
const DRAFT_CONTEXT = 8;

/**
 * Where steps can be chained, a draft is verified when it is at least this much longer than what is in flight. Verifying
 * means to wait twice, for what is in flight and for the result, and a run over all drafted rows: about three chained steps.
 * Of all drafted tokens 39 % were right (docs/log.md), so three steps' worth takes eight. What is in flight tries the
 * draft's beginning for nothing.
 */
const DRAFT_GAIN = 8;

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
  { decoder, drafts, tokenizer, eosTokenIds, endOfTurn }: TurnContext,
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
  const greedy = sampler === null && forced === null;
  const propose = (): readonly number[] => {
    const room = Math.min(limit - tokenIds.length, decoder.room) - 1;
    return greedy && !plain ? drafts.propose([...before, ...tokenIds], room, ends) : [];
  };
  let finish: FinishReason | null = limit > 0 ? null : 'length';
  let tokens: readonly number[] = [prefilled.greedy];
  let { logits } = prefilled;
  try {
    while (finish === null) {
      // 1. Take what the last run gave.
      const forcedId = forced?.[tokenIds.length];
      if (forcedId !== undefined) tokens = [forcedId];
      else if (sampler !== null && logits !== null) tokens = [sampler.sample(logits)];
      for (const id of tokens) {
        finish = take(id);
        if (finish !== null) break;
      }
      if (decoder.room < 1) finish ??= 'length';
      if (finish !== null) break;
      // 2. Chain, until there is a draft worth waiting for.
      let draft = propose();
      if (greedy && decoder.chains) {
        const most = limit - tokenIds.length;
        const goOn = (inFlight: number): boolean => draft.length < inFlight + DRAFT_GAIN;
        for await (const id of decoder.chain(tokenIds.at(-1) ?? endOfTurn, { signal, most, goOn })) {
          finish = take(id);
          if (finish !== null) break;
          draft = propose();
        }
        if (decoder.room < 1) finish ??= 'length';
        if (finish !== null) break;
      }
      // 3. One run: the last token, and the draft to verify.
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
