/** The conversation that a question is asked in: the finished turns about the current image while memory is on, and its frames. */
import type { ChatContext } from '../protocol/chat.ts';
import type { AppState } from './app-state.ts';
import type { TurnView } from './turn-state.ts';

/**
 * What the next question is asked in; undefined: about one picture alone, as VisionThink was trained. `until`: the turn that asks,
 * when it is already among the turns.
 */
export function chatOf(
  { form, turns, image }: Pick<AppState, 'form' | 'turns' | 'image'>,
  until?: TurnView,
): ChatContext | undefined {
  const alone = aloneOf({ image });
  if (!form.memory) return alone;
  const asked =
    until === undefined
      ? turns
      : turns.slice(
          0,
          turns.findIndex(({ id }) => id === until.id),
        );
  const history = asked.flatMap(({ result }) => result?.messages ?? []);
  return { history, images: history.length === 0 ? (alone?.images ?? [0]) : [] };
}

/** A question without history: about all frames of a video; undefined: about one picture. */
export function aloneOf({ image }: Pick<AppState, 'image'>): ChatContext | undefined {
  const frames = image?.frames.length ?? 0;
  // The engine counts the page's image and its frames from 0.
  return frames === 0 ? undefined : { history: [], images: Array.from({ length: 1 + frames }, (_, i) => i) };
}
