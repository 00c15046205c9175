/** Speculative prefill: computes the common beginning of all questions about the images before a question is known. */
import { countTokens } from '../engine/segments.ts';
import type { TurnContext } from './turn-context.ts';
import { TurnPrompt } from './turn-prompt.ts';
import { startTurn, tokensToCome, type TurnQuestion } from './turn-start.ts';

/** Views of more pixels are not preprocessed speculatively: they block this thread for about 50 ms, for a call that may never come. */
const MAX_SPECULATIVE_PIXELS = 4_000_000;

/** Free capacity reserved for a question, and again for its repetition in a tool's reply. */
const QUESTION_TOKENS = 256;

/**
 * Computes the common beginning of all questions about the images, so that the next question only waits for its own tokens:
 * preprocessing, encoding, and prefill of the prompt before the question. Throws StoppedError when the signal fires; finished
 * work stays.
 */
export async function prefetch(
  context: Pick<TurnContext, 'prompts' | 'tool' | 'builder' | 'decoder'>,
  about: Omit<TurnQuestion, 'question'>,
  signal: AbortSignal,
): Promise<void> {
  const { decoder } = context;
  const { views, settings } = about;
  const question = { ...about, question: '' };
  const start = startTurn(context, question);
  const prefix = new TurnPrompt(context, start, settings).prefix();
  const tokens = countTokens(prefix);
  if (decoder.cachedPrefix(prefix) >= tokens - 1) return;
  await decoder.reserve(tokens + 1, tokens + 2 * QUESTION_TOKENS + tokensToCome(context, start, question));
  for (const request of start.requests) await views.view(request).encode(signal);
  await decoder.prefill(prefix, { signal, wantLogits: false });
}

/** Preprocesses the likely result of a tool call, on this thread, which is idle while the user types. */
export function preprocessLikely(
  context: Pick<TurnContext, 'prompts' | 'tool'>,
  about: Omit<TurnQuestion, 'question'>,
): void {
  const { conversation, offered } = startTurn(context, { ...about, question: '' });
  if (offered === null) return;
  for (const request of context.tool.likely(conversation)) {
    const view = about.views.view(request);
    if (view.size.width * view.size.height <= MAX_SPECULATIVE_PIXELS) view.prepare();
  }
}
