/** Requests for views that a tool makes in steps, and the images of the question at hand. */
import { shownBySteps, sizeAfter, wholePixels } from '../../image/view-steps.ts';
import type { PixelSize } from '../../image/smart-resize.ts';
import { fullOf, type ImageRequest, requestKey, type ViewStep } from '../../shared/image-request.ts';
import type { Conversation, ShownImage } from '../messages.ts';
import { callError } from './boxes.ts';

/** What steps begin with: a source image, or a region of it. */
export type Framed = Pick<ImageRequest, 'image' | 'region'>;

/** A request for what steps make of a source image, or of a region of it; `size` is that image's or region's, in pixels. */
export function partOf({ image, region }: Framed, size: PixelSize, steps: readonly ViewStep[]): ImageRequest {
  const shown = wholePixels(size, shownBySteps(size, steps));
  if (region === null) return { image, region: shown, scale: 1, steps };
  const moved = { ...shown, left: region.left + shown.left, top: region.top + shown.top };
  return { image, region: moved, scale: 1, steps: [{ crop: region }, ...steps] };
}

/** The picture behind an image of a question, as a file: the whole source, or the region that a person has chosen. */
export function pictureOf({ image, region }: Framed): ImageRequest {
  return region === null ? fullOf(image) : partOf({ image, region }, region, []);
}

/** The images since the last question, its own first. */
export interface QuestionImages {
  /** The question's first image; with several, the references' tools know this one alone. */
  readonly original: ShownImage;
  /** Pixels of what it shows of its source: of all of it, or of the region that a person has chosen. */
  readonly source: PixelSize;
  /** The images of the tool's replies since. */
  readonly replies: readonly ShownImage[];
}

/** The images of the question at hand. Throws ToolCallError when no question has shown any. */
export function questionImages(conversation: Conversation): QuestionImages {
  const { asked, replied } = conversation.sinceQuestion;
  const [original] = asked;
  if (original === undefined) throw callError('No image has been shown.');
  const { image, region } = original.request;
  return { original, source: region ?? conversation.sourceSize(image), replies: replied };
}

/**
 * What a model may look at after a crop: the parts of the same size to its right, below, to its left and above, moved as far as the
 * image goes. None where the question at hand has shown no crop.
 */
export function neighbours(conversation: Conversation): readonly ImageRequest[] {
  const last = conversation.sinceQuestion.replied.at(-1)?.request;
  const steps = last?.steps ?? [];
  const at = steps.findLastIndex((step) => 'crop' in step);
  const cut = steps[at];
  if (last === undefined || cut === undefined || !('crop' in cut)) return [];
  const { crop } = cut;
  const source = conversation.sourceSize(last.image);
  const size = sizeAfter(source, steps.slice(0, at));
  const moved = (x: number, y: number): ImageRequest => {
    const left = within(crop.left + x * crop.width, size.width - crop.width);
    const top = within(crop.top + y * crop.height, size.height - crop.height);
    return partOf({ image: last.image, region: null }, source, steps.with(at, { crop: { ...crop, left, top } }));
  };
  const requests = [moved(1, 0), moved(0, 1), moved(-1, 0), moved(0, -1)];
  return [...new Map(requests.map((request) => [requestKey(request), request])).values()].filter(
    (request) => requestKey(request) !== requestKey(last),
  );
}

/** From 0 to `most`, or 0 where that is negative. */
function within(value: number, most: number): number {
  return Math.max(0, Math.min(value, most));
}
