/** Filler text of a given length in tokens. */

const WORDS = ['one', 'red', 'circle', 'stands', 'left', 'of', 'two', 'green', 'signs', 'and', 'a', 'small', 'house'];

/** Tokens of a prompt that are neither the picture's nor the question's, about. */
const FRAME_TOKENS = 24;

/**
 * A question that makes a prompt about `cachedTokens` tokens long, shorter where the context could not hold them and `newTokens`
 * after them. `count` counts a text's tokens.
 */
export function fillerQuestion(
  { cachedTokens, newTokens }: { readonly cachedTokens: number; readonly newTokens: number },
  contextLength: number,
  count: (text: string) => number,
): string {
  const capacity = Math.min(cachedTokens, contextLength - newTokens - 2 * FRAME_TOKENS);
  return fillerText(capacity - FRAME_TOKENS, count);
}

/** Text of at most, and nearly, `tokens` tokens. `count` counts a text's tokens. */
export function fillerText(tokens: number, count: (text: string) => number): string {
  const text = (words: number): string => Array.from({ length: words }, (_, i) => WORDS[i % WORDS.length]).join(' ');
  let [fits, tooMany] = [1, tokens + 1]; // a word is at least a token
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >> 1;
    if (count(text(middle)) <= tokens) fits = middle;
    else tooMany = middle;
  }
  return text(fits);
}
