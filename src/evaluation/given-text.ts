/** Replaces a round's generation with a given text: to measure what follows it, or to continue as if the model had said it. */
import type { AskOptions } from '../conversation/engine.ts';

/** Makes round 1 say `text`, ended as the model ends a message; the model itself generates the later rounds. */
export function sayInRound1(text: string): AskOptions {
  return {
    sourceOf: (round, tokenizer) => {
      if (round !== 1) return null;
      const ids = [...tokenizer.encode(text), tokenizer.id('<|im_end|>')];
      return { readsLogits: false, length: ids.length, next: (index) => ids[index] ?? tokenizer.id('<|im_end|>') };
    },
  };
}
