/**
 * Generates a response: token by token, by pipelined decode, or by speculative decoding with prompt-lookup drafts. It
 * knows token ids and what ends a response, nothing of text, rounds or tools.
 */
import type { Decoder, NextToken } from './decoder.ts';
import type { PromptLookup } from './prompt-lookup.ts';

/** Tokens of the prompt's end that are remembered with a response, so that its beginning can be drafted too. */
const DRAFT_CONTEXT = 8;

/**
 * With pipelined decode, a draft is verified only if it exceeds the steps in flight by at least this many tokens. Verification
 * waits twice, for the steps in flight and for the result, and runs over all drafted rows: it costs about three pipelined
 * steps. 39 % of all drafted tokens are accepted (docs/log.md), so eight drafted tokens gain three steps. The steps in flight
 * test the draft's beginning at no cost.
 */
const DRAFT_GAIN = 8;

/** Filled while generation runs, so that a stop keeps the tokens so far. */
export interface Response {
  readonly tokenIds: number[];
  draftedTokens: number;
  acceptedTokens: number;
}

/** Chooses tokens in place of the arg max: a sampler, or a given text. */
export interface TokenSource {
  /** Whether `next` needs the logits. */
  readonly readsLogits: boolean;
  /** Most tokens of a response; null: as many as requested. */
  readonly length: number | null;
  /** The response's token at `index`; `logits` `[vocab]` if it reads them, else null. */
  next(index: number, logits: Float32Array | null): number;
}

/** Options of a generation. */
export interface GenerateOptions {
  /** The result of the prefill. */
  readonly prefilled: NextToken;
  /** The ids of the text the prompt ends with. */
  readonly before: readonly number[];
  /** null: greedy decoding, the only mode with drafts and pipelining. */
  readonly source: TokenSource | null;
  /** null: no drafts. */
  readonly drafts: PromptLookup | null;
  readonly maxTokens: number;
  /** Ids that end a response. */
  readonly ends: readonly number[];
  /** Whether the tokens so far are a whole response although none of them is an ending one; asked after `onToken`. */
  readonly isComplete?: () => boolean;
  /** Called with every token as soon as it is known, the ending one too. */
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
  { prefilled, source, drafts, ends, isComplete, onToken, signal, ...options }: GenerateOptions,
): Promise<'stop' | 'length'> {
  const { tokenIds } = response;
  const limit = source?.length ?? options.maxTokens;
  const before = options.before.slice(-DRAFT_CONTEXT);
  /** Appends the model's next token; returns the finish reason if the response ends with it, else null. */
  const take = (id: number): 'stop' | 'length' | null => {
    tokenIds.push(id);
    onToken(id);
    if (ends.includes(id) || isComplete?.() === true) return 'stop';
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
    // 1. Take the last run's result.
    if (source !== null) tokens = [source.next(tokenIds.length, logits)];
    for (const id of tokens) {
      finish = take(id);
      if (finish !== null) break;
    }
    if (finish === null && !(await decoder.extend(signal))) finish = 'length';
    if (finish !== null) break;
    // 2. Pipelined decode until a draft is worth verifying.
    let draft = propose();
    const last = (): number => tokenIds.at(-1) ?? prefilled.greedy;
    if (source === null && decoder.canPipeline) {
      const most = limit - tokenIds.length;
      const shouldContinue = (inFlight: number): boolean => draft.length < inFlight + DRAFT_GAIN;
      for await (const id of decoder.pipelined(last(), { signal, most, shouldContinue })) {
        finish = take(id);
        if (finish !== null) break;
        draft = propose();
      }
      if (finish === null && !(await decoder.extend(signal))) finish = 'length';
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
