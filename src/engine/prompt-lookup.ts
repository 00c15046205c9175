/**
 * PromptLookup of what a model will say next, to be verified in one run instead of decoded token by token: the continuation of
 * the place where the last tokens stood before, in this turn, in earlier responses, or in the text of a tool call. A draft
 * costs nothing but rows of a run when it is wrong, and the tokens are the model's own either way.
 * Source: prompt lookup decoding (Saxena 2023); inference with reference (arXiv 2304.04487); verification as in
 * speculative decoding (arXiv 2211.17192) with a greedy target.
 */

/** Tokens before the place in question that must be the same, at least and at most. */
const SHORTEST_MATCH = 2;
const LONGEST_MATCH = 8;

/** Tokens a draft has at most. */
const LONGEST_DRAFT = 24;

/** Responses that are remembered, the newest first. */
const REMEMBERED = 6;

/** What was said before, and what it suggests. */
export class PromptLookup {
  readonly #constants: readonly (readonly number[])[];
  #responses: readonly (readonly number[])[] = [];

  /** `constants`: token sequences worth expecting from the start. */
  constructor(constants: readonly (readonly number[])[]) {
    this.#constants = constants;
  }

  /** Remembers a response, with the few tokens of the prompt before it. */
  remember(response: readonly number[]): void {
    this.#responses = [response, ...this.#responses].slice(0, REMEMBERED);
  }

  /** Forgets the responses: for times that are to be compared. */
  forget(): void {
    this.#responses = [];
  }

  /**
   * What may follow `context`, the sequence so far (the end of the prompt and the response): at most `limit` tokens, none
   * from `ends` on, which end a response. Empty when nothing like its end has been seen.
   */
  propose(context: readonly number[], limit: number, ends: readonly number[]): readonly number[] {
    const most = Math.min(limit, LONGEST_DRAFT);
    if (most < 1) return [];
    let best: readonly number[] = [];
    let longest = SHORTEST_MATCH - 1;
    for (const text of [context, ...this.#responses, ...this.#constants]) {
      // The latest place first; the place where `context` itself ends is no news.
      for (let at = text === context ? text.length - 1 : text.length; at > longest; at--) {
        const length = commonEnd(text, at, context);
        if (length <= longest) continue;
        const draft = untilEnd(text.slice(at, at + most), ends);
        if (draft.length === 0) continue;
        longest = length;
        best = draft;
        if (longest >= LONGEST_MATCH) return best;
      }
    }
    return best;
  }
}

/** How many tokens before `at` are the last ones of `context`, up to LONGEST_MATCH. */
function commonEnd(text: readonly number[], at: number, context: readonly number[]): number {
  let length = 0;
  while (
    length < LONGEST_MATCH &&
    length < at &&
    length < context.length &&
    text[at - 1 - length] === context[context.length - 1 - length]
  ) {
    length++;
  }
  return length;
}

function untilEnd(tokens: readonly number[], ends: readonly number[]): readonly number[] {
  const end = tokens.findIndex((id) => ends.includes(id));
  return end < 0 ? tokens : tokens.slice(0, end);
}
