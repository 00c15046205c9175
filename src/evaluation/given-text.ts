/** A text in the place of a round's generation: for measuring what comes after it, and for asking as if the model had said it. */
import type { AskOptions } from '../conversation/engine.ts';

/** Lets round 1 say `text`, ended as the model ends a message; the model itself takes the rounds behind it. */
export function sayInRound1(text: string): AskOptions {
  return {
    sourceOf: (round, tokenizer) => {
      if (round !== 1) return null;
      const ids = [...tokenizer.encode(text), tokenizer.id('<|im_end|>')];
      return { readsLogits: false, length: ids.length, next: (index) => ids[index] ?? tokenizer.id('<|im_end|>') };
    },
  };
}
