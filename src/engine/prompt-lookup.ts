/**
 * Prompt-lookup drafts for speculative decoding: finds an earlier occurrence of the last tokens (in this turn, in earlier
 * responses, or in the text of a tool call) and proposes its continuation, which one run verifies. A rejected draft costs only
 * rows of that run, and the output is the same either way.
 * Source: prompt lookup decoding (Saxena 2023); inference with reference (arXiv 2304.04487); verification as in
 * speculative decoding (arXiv 2211.17192) with a greedy target.
 */

/** Fewest and most tokens that have to match before the proposed continuation. */
const SHORTEST_MATCH = 2;
const LONGEST_MATCH = 8;

/** Most tokens of a draft. */
const LONGEST_DRAFT = 24;

/** Responses remembered, newest first. */
const REMEMBERED = 6;

/** Earlier token sequences, and the drafts they suggest. */
export class PromptLookup {
  readonly #constants: readonly (readonly number[])[];
  #responses: readonly (readonly number[])[] = [];

  /** `constants`: token sequences worth expecting from the start. */
  constructor(constants: readonly (readonly number[])[]) {
    this.#constants = constants;
  }

  /** Remembers a response, together with the last few tokens of its prompt. */
  remember(response: readonly number[]): void {
    this.#responses = [response, ...this.#responses].slice(0, REMEMBERED);
  }

  /** Forgets the responses, so that timings are comparable. */
  forget(): void {
    this.#responses = [];
  }

  /**
   * A draft of what follows `context`, the sequence so far (the end of the prompt and the response): at most `limit` tokens,
   * cut before the first of `ends`, which end a response. Empty if the end of `context` has not occurred before.
   */
  propose(context: readonly number[], limit: number, ends: readonly number[]): readonly number[] {
    const most = Math.min(limit, LONGEST_DRAFT);
    if (most < 1) return [];
    let best: readonly number[] = [];
    let longest = SHORTEST_MATCH - 1;
    for (const text of [context, ...this.#responses, ...this.#constants]) {
      // Latest occurrence first; the end of `context` itself has no continuation.
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

/** How many tokens before `at` match the end of `context`, up to LONGEST_MATCH. */
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
