/** Logits of a whole prompt, for tests and model comparison: the engine itself requests only the last rows. */
import type { TextModel } from './backend.ts';
import { inputsOf, runsOf } from './prefill-chunks.ts';
import { countTokens, type Segment, spansOf } from './segments.ts';

/** Logits `[tokens, vocab]` after every token of `prompt`, computed in one run on a separate sequence. */
export async function promptLogits(text: TextModel, prompt: readonly Segment[]): Promise<Float32Array> {
  const tokens = countTokens(prompt);
  const sequence = await text.open(tokens);
  try {
    sequence.setLayout(spansOf(prompt));
    const inputs = await inputsOf(runsOf(prompt, 0, tokens).flat());
    const { logits } = await sequence.forward(inputs, { logitsRows: tokens, wantLogits: true });
    if (logits === null) throw new Error('the backend returned no logits');
    return logits;
  } finally {
    sequence.dispose();
  }
}
