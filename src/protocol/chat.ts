/** A conversation as plain data: a turn's result carries the messages it added, and a later turn is given them back. */
import type { ImageRequest, PixelRegion } from '../shared/image-request.ts';

/** A piece of a message. */
export type ChatContent =
  /** `trusted`: special tokens in it take effect, as in a prompt's own text; else they are ordinary characters. */
  | { readonly type: 'text'; readonly text: string; readonly trusted: boolean }
  /** The model's own tokens, which are never tokenised again. */
  | { readonly type: 'tokens'; readonly ids: readonly number[] }
  | { readonly type: 'image'; readonly request: ImageRequest };

/** One message. A `tool` message contains its own frame, because each model was trained with a different one. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: readonly ChatContent[];
}

/** All of an image, by its number; or a region of it that a person has chosen, which is shown at its own resolution. */
export type AskedImage = number | { readonly image: number; readonly region: PixelRegion };

/** A region of a question's first picture that is asked about, alone or behind all of the picture. */
export interface AskedRegion {
  readonly region: PixelRegion;
  readonly besideWhole: boolean;
}

/** What a question is asked in, beyond its text. */
export interface ChatContext {
  /** Earlier messages, oldest first: the `messages` of earlier turns, one after the other. Empty: a question without history. */
  readonly history: readonly ChatMessage[];
  /** The question's own images, by the numbers they were added under, and regions of such. */
  readonly images: readonly AskedImage[];
}
