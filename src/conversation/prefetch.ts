/** Work before a question is known: what every question about an image begins with. */
import type { TurnSettings } from '../protocol/turn.ts';
import type { ImageViews } from './image-views.ts';
import { countTokens } from '../engine/segments.ts';
import type { TurnContext } from './turn-context.ts';
import { turnTokens } from './turn.ts';

/** A full image of more pixels is not resized ahead: so many hold this thread for 50 ms or so, for a call that may never come. */
const AHEAD_PIXELS = 4_000_000;

/** Room that is kept for a question, and again for its repetition behind the full image. */
const QUESTION_TOKENS = 256;

/**
 * Computes what every question about the image begins with, so that a question to come waits for nothing but itself:
 * preprocessing, encoding, and the prompt before the question. Throws StoppedError when the signal fires; what was done
 * until then stays.
 */
export async function prefetch(
  parts: Pick<TurnContext, 'prompts' | 'builder' | 'decoder'>,
  views: ImageViews,
  settings: TurnSettings,
  signal: AbortSignal,
): Promise<void> {
  const { prompts, builder, decoder } = parts;
  const view = views.view(settings.downsample ? 'half' : 'full');
  const tool = settings.tool ? prompts.tool : null;
  const prefix = builder.prefix(view.segment, tool !== null);
  const tokens = countTokens(prefix);
  if (decoder.cachedPrefix(prefix) >= tokens - 1) return;
  const toolTurn = tool === null ? [] : builder.toolResponse(tool, '', views.view('full').segment);
  await decoder.reserve(tokens + 1, tokens + 2 * QUESTION_TOKENS + turnTokens(settings, toolTurn, 0));
  await view.encode(signal);
  await decoder.prefill(prefix, { signal, wantLogits: false });
}

/** Preprocesses the full image where the model may ask for it later: work of this thread, which nobody else needs while somebody types. */
export function preprocessAhead(
  { prompts }: Pick<TurnContext, 'prompts'>,
  views: ImageViews,
  settings: TurnSettings,
): void {
  const full = views.view('full');
  const isUncertain = settings.downsample && settings.tool && prompts.tool !== null;
  if (isUncertain && full.size.width * full.size.height <= AHEAD_PIXELS) full.prepare();
}
