/** Requests for views that a tool makes in steps, and the images of the question at hand. */
import { shownBySteps, wholePixels } from '../../image/view-steps.ts';
import type { PixelSize } from '../../image/smart-resize.ts';
import type { ImageRequest, ViewStep } from '../../shared/image-request.ts';
import type { Conversation, ShownImage } from '../messages.ts';
import { callError } from './boxes.ts';

/** A request for a part of a source image of `size` pixels. */
export function partOf(image: number, size: PixelSize, steps: readonly ViewStep[]): ImageRequest {
  return { image, region: wholePixels(size, shownBySteps(size, steps)), scale: 1, steps };
}

/** The images since the last question, its own first. */
export interface QuestionImages {
  /** The question's first image; with several, the references' tools know this one alone. */
  readonly original: ShownImage;
  /** Pixels of its source. */
  readonly source: PixelSize;
  /** The images of the tool's replies since. */
  readonly replies: readonly ShownImage[];
}

/** The images of the question at hand. Throws ToolCallError when no question has shown any. */
export function questionImages(conversation: Conversation): QuestionImages {
  const { asked, replied } = conversation.sinceQuestion;
  const [original] = asked;
  if (original === undefined) throw callError('No image has been shown.');
  return { original, source: conversation.sourceSize(original.request.image), replies: replied };
}
