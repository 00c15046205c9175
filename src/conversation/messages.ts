/**
 * A conversation: messages of text and images, whoever they are from. It says what was said and shown, and how large; how
 * that becomes tokens is the prompt builder's business.
 */
import type { PixelSize } from '../image/smart-resize.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import type { ImageViews } from './image-views.ts';

/** A piece of a message. */
export type Content =
  /** `trusted`: special tokens in it are meant, as in a prompt's own text; else they are read as ordinary characters. */
  | { readonly type: 'text'; readonly text: string; readonly trusted: boolean }
  /** What the model generated, as it generated it: it is never tokenised again. */
  | { readonly type: 'tokens'; readonly ids: readonly number[] }
  | { readonly type: 'image'; readonly request: ImageRequest };

/** Something that was said or shown. A `tool` message brings its own frame: each model was trained with another one. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content: readonly Content[];
}

/** An image as the model was shown it. */
export interface ShownImage {
  readonly request: ImageRequest;
  /** Pixels as the model saw them: what a box in "the image" counts in. */
  readonly size: PixelSize;
}

/** Text of the prompts themselves. */
export function trustedText(text: string): Content {
  return { type: 'text', text, trusted: true };
}

/** Text from a person, or quoted from the model. */
export function untrustedText(text: string): Content {
  return { type: 'text', text, trusted: false };
}

/** Any number of turns about any number of images. */
export class Conversation {
  readonly #views: ImageViews;
  readonly #messages: Message[] = [];

  /** `views` hold the source images that the messages' requests name. */
  constructor(views: ImageViews) {
    this.#views = views;
  }

  /** Everything so far, oldest first. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Adds what comes next. */
  add(...messages: readonly Message[]): void {
    this.#messages.push(...messages);
  }

  /** Every image the model was shown, in order; one that was shown twice stands there twice. */
  get shown(): readonly ShownImage[] {
    return this.#messages.flatMap(imagesOf).map((request) => ({ request, size: this.#views.view(request).size }));
  }

  /** Pixels of a source image. Throws ImageRegionError when there is no such image. */
  sourceSize(image: number): PixelSize {
    return this.#views.sourceSize(image);
  }
}

/** The images of a message, in order. */
export function imagesOf({ content }: Message): readonly ImageRequest[] {
  return content.flatMap((piece) => (piece.type === 'image' ? [piece.request] : []));
}
