/** The conversation that a question continues: the finished turns about the current image, while memory is on. */
import type { ChatContext } from '../protocol/chat.ts';
import type { AppState } from './app-state.ts';
import type { TurnView } from './turn-state.ts';

/** The number the engine knows the page's image by. */
const IMAGE = 0;

/**
 * What the next question is asked in; undefined: alone, as VisionThink was trained. `until`: the turn that asks, when it is already
 * among the turns.
 */
export function chatOf({ form, turns }: Pick<AppState, 'form' | 'turns'>, until?: TurnView): ChatContext | undefined {
  if (!form.memory) return undefined;
  const asked =
    until === undefined
      ? turns
      : turns.slice(
          0,
          turns.findIndex(({ id }) => id === until.id),
        );
  const history = asked.flatMap(({ result }) => result?.messages ?? []);
  return { history, images: history.length === 0 ? [IMAGE] : [] };
}
