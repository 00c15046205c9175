/**
 * Generates a response: token by token, in pipelined steps whose tokens arrive late, or by drafts that are verified. It
 * knows token ids and what ends a response, nothing of text, rounds or tools.
 */
import type { Decoder, NextToken } from './decoder.ts';
import type { PromptLookup } from './prompt-lookup.ts';

/** Tokens of the prompt's end that a response is remembered with, so that its beginning can be drafted too. */
const DRAFT_CONTEXT = 8;

/**
 * Where steps are pipelined, a draft is verified when it is at least this much longer than what is in flight. Verifying
 * means to wait twice, for what is in flight and for the result, and a run over all drafted rows: about three pipelined
 * steps. Of all drafted tokens 39 % were right (docs/log.md), so three steps' worth takes eight. What is in flight tries the
 * draft's beginning for nothing.
 */
const DRAFT_GAIN = 8;

/** What a generation fills while it runs, so that a stop leaves what is there. */
export interface Response {
  readonly tokenIds: number[];
  draftedTokens: number;
  acceptedTokens: number;
}

/** Chooses tokens in place of the arg max: a sampler, or a text that is given. */
export interface TokenSource {
  /** Whether `next` needs the logits. */
  readonly readsLogits: boolean;
  /** Tokens a response has at most; null: as many as are asked for. */
  readonly length: number | null;
  /** The response's token at `index`; `logits` `[vocab]` when it reads them, else null. */
  next(index: number, logits: Float32Array | null): number;
}

/** What a generation goes by. */
export interface GenerateOptions {
  /** What the prompt ended with. */
  readonly prefilled: NextToken;
  /** The ids of the text the prompt ends with. */
  readonly before: readonly number[];
  /** null: greedy, which alone is drafted and pipelined. */
  readonly source: TokenSource | null;
  /** null: no drafts. */
  readonly drafts: PromptLookup | null;
  readonly maxTokens: number;
  /** Ids that end a response. */
  readonly ends: readonly number[];
  /** Hears of every token when it is known, the ending one too. */
  readonly onToken: (id: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Generates until an ending token (`stop`) or until nothing more fits (`length`). Throws StoppedError when the signal fires,
 * and NumericCheckError for logits that are not finite.
 */
export async function generateTokens(
  decoder: Decoder,
  response: Response,
  { prefilled, source, drafts, ends, onToken, signal, ...options }: GenerateOptions,
): Promise<'stop' | 'length'> {
  const { tokenIds } = response;
  const limit = source?.length ?? options.maxTokens;
  const before = options.before.slice(-DRAFT_CONTEXT);
  /** Takes the model's next token; returns how the response ends with it, or null. */
  const take = (id: number): 'stop' | 'length' | null => {
    tokenIds.push(id);
    onToken(id);
    if (ends.includes(id)) return 'stop';
    return tokenIds.length >= limit ? 'length' : null;
  };
  const propose = (): readonly number[] => {
    const free = Math.min(limit - tokenIds.length, decoder.freeCapacity) - 1;
    return source === null && drafts !== null ? drafts.propose([...before, ...tokenIds], free, ends) : [];
  };
  let finish: 'stop' | 'length' | null = limit > 0 ? null : 'length';
  let tokens: readonly number[] = [prefilled.greedy];
  let { logits } = prefilled;
  while (finish === null) {
    // 1. Take what the last run gave.
    if (source !== null) tokens = [source.next(tokenIds.length, logits)];
    for (const id of tokens) {
      finish = take(id);
      if (finish !== null) break;
    }
    if (decoder.freeCapacity < 1) finish ??= 'length';
    if (finish !== null) break;
    // 2. Pipelined steps, until there is a draft worth waiting for.
    let draft = propose();
    const last = (): number => tokenIds.at(-1) ?? prefilled.greedy;
    if (source === null && decoder.canPipeline) {
      const most = limit - tokenIds.length;
      const goOn = (inFlight: number): boolean => draft.length < inFlight + DRAFT_GAIN;
      for await (const id of decoder.pipelined(last(), { signal, most, goOn })) {
        finish = take(id);
        if (finish !== null) break;
        draft = propose();
      }
      if (decoder.freeCapacity < 1) finish ??= 'length';
      if (finish !== null) break;
    }
    // 3. One run: the last token, and the draft to verify.
    ({ tokens, logits } = await decoder.step(last(), { signal, wantLogits: source?.readsLogits === true, draft }));
    response.draftedTokens += draft.length;
    response.acceptedTokens += tokens.length - 1;
  }
  drafts?.remember([...before, ...tokenIds]);
  return finish;
}
