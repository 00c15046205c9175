/**
 * The conversation that a question is asked in: the finished turns about the current image while memory is on, its frames, and the
 * region that a person has drawn.
 */
import type { AskedImage, AskedRegion, ChatContext } from '../protocol/chat.ts';
import { fullOf, type ImageRequest, requestKey } from '../shared/image-request.ts';
import type { AppState } from './app-state.ts';
import { partAsked } from './region-slice.ts';
import type { TurnView } from './turn-state.ts';

/**
 * What the next question is asked in; undefined: about one picture alone, as VisionThink was trained. `until`: the turn that asks,
 * when it is already among the turns.
 */
export function chatOf(
  { form, turns, image, ...drawn }: Pick<AppState, 'form' | 'turns' | 'image' | 'region' | 'besideWhole'>,
  until?: TurnView,
): ChatContext | undefined {
  const part = until === undefined ? partAsked(drawn) : until.part;
  if (!form.memory) return aloneOf({ image }, part);
  const asked =
    until === undefined
      ? turns
      : turns.slice(
          0,
          turns.findIndex(({ id }) => id === until.id),
        );
  const history = asked.flatMap(({ result }) => result?.messages ?? []);
  const shown = history.flatMap(({ content }) =>
    content.flatMap((piece) => (piece.type === 'image' ? [piece.request] : [])),
  );
  return { history, images: imagesOf({ image }, part, shown) };
}

/** A question without history: about all frames of a video, or a region; undefined: about one picture. */
export function aloneOf({ image }: Pick<AppState, 'image'>, part: AskedRegion | null = null): ChatContext | undefined {
  const frames = image?.frames.length ?? 0;
  return frames === 0 && part === null ? undefined : { history: [], images: imagesOf({ image }, part, []) };
}

/** The images that a question adds to those that have been shown: the picture and its frames, which the engine counts from 0, and a region. */
function imagesOf(
  { image }: Pick<AppState, 'image'>,
  part: AskedRegion | null,
  shown: readonly ImageRequest[],
): readonly AskedImage[] {
  const frames = image?.frames.length ?? 0;
  const isWholeShown = shown.some(({ region }) => region === null);
  const whole = isWholeShown ? [] : Array.from({ length: 1 + frames }, (_, i) => i);
  if (part === null) return whole;
  const { region, besideWhole } = part;
  const key = requestKey({ ...fullOf(0), region });
  const isShown = shown.some((request) => requestKey({ ...request, steps: [] }) === key);
  return [...(besideWhole ? whole : []), ...(isShown ? [] : [{ image: 0, region }])];
}
