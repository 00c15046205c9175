/**
 * Work before a question is known. Speculative prefill computes the common beginning of all questions about the images; behind it,
 * views are encoded that the tool will probably ask for.
 */
import { nextTask, throwIfStopped } from '../engine/device-queue.ts';
import { countTokens } from '../engine/segments.ts';
import { isNamed } from '../shared/errors.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import type { ImageView, ImageViews } from './image-views.ts';
import type { TurnContext } from './turn-context.ts';
import { TurnPrompt } from './turn-prompt.ts';
import { startTurn, tokensToCome, type TurnQuestion } from './turn-start.ts';

/** Views of more pixels are not preprocessed speculatively: they block this thread for about 50 ms, for a call that may never come. */
const MAX_SPECULATIVE_PIXELS = 4_000_000;

/** Limits of views that are encoded before a tool call asks for them. */
export interface LikelyLimits {
  /** Views that would take longer are not encoded: a question that arrives meanwhile waits for the one at hand. */
  readonly longestMs: number;
  /** Most bytes of all of them, features and pixels. */
  readonly bytes: number;
}

/**
 * People notice a tenth of a second (Nielsen, Usability Engineering, 1993, chapter 5). All ten views that AwaRes may ask for of a
 * picture of 1280 x 960 pixels take 63 MB in a 7B model, whose weights take 5 GB.
 */
export const LIKELY_LIMITS: LikelyLimits = { longestMs: 100, bytes: 64 << 20 };

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
  for (const request of start.requests) await views.view(request).encodeAhead(signal, false);
  await decoder.prefill(prefix, { signal, wantLogits: false });
}

/**
 * Encodes the views that a tool call will probably ask for, the likeliest first, and waits for each before the next, so that
 * whatever is asked meanwhile waits for one at most. Frees those of earlier calls of this function that are no longer likely. Views
 * that would take long are only preprocessed, and huge ones left alone. Throws StoppedError when the signal fires; finished views stay.
 */
export async function encodeLikely(
  context: Pick<TurnContext, 'prompts' | 'tool'>,
  about: Omit<TurnQuestion, 'question'>,
  { signal, longestMs, bytes }: LikelyLimits & { readonly signal: AbortSignal },
): Promise<void> {
  const { views } = about;
  await nextTask(); // a question asked meanwhile goes first
  throwIfStopped(signal);
  const { conversation, offered } = startTurn(context, { ...about, question: '' });
  const likely = offered === null ? [] : fitting(views, context.tool.likely(conversation), bytes);
  views.expect(likely);
  for (const view of likely) {
    await nextTask();
    throwIfStopped(signal);
    view.prepare();
    if (view.expectedMs > longestMs) continue;
    await nextTask(); // and behind the preprocessing, which blocks this thread
    try {
      await view.encodeAhead(signal, true);
    } catch (thrown) {
      if (isNamed(thrown, 'StoppedError')) throw thrown;
      return; // the device lacks the memory, or worse: the call that needs the view reports it
    }
  }
}

/** The views of these requests that may be encoded speculatively, as many as the memory for them holds. */
function fitting(views: ImageViews, requests: readonly ImageRequest[], bytes: number): readonly ImageView[] {
  let free = bytes;
  return requests.flatMap((request) => {
    const view = views.viewIfPossible(request);
    if (view === null || view.bytes > free || view.size.width * view.size.height > MAX_SPECULATIVE_PIXELS) return [];
    free -= view.bytes;
    return [view];
  });
}
