/**
 * A conversation: messages of text and images from all roles, with the sizes of the images. The prompt builder turns it into
 * tokens.
 */
import type { PixelSize } from '../image/smart-resize.ts';
import type { ChatContent, ChatMessage } from '../protocol/chat.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import type { ImageViews } from './image-views.ts';

/** A piece of a message. */
export type Content = ChatContent;

/** One message. */
export type Message = ChatMessage;

/** An image the model was shown. */
export interface ShownImage {
  readonly request: ImageRequest;
  /** Size the model saw, in pixels: boxes in "the image" use these coordinates. */
  readonly size: PixelSize;
}

/** Text of the prompts themselves. */
export function trustedText(text: string): Content {
  return { type: 'text', text, trusted: true };
}

/** Text from the user, or quoted from the model. */
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

  /** Appends messages. */
  add(...messages: readonly Message[]): void {
    this.#messages.push(...messages);
  }

  /** Every image the model was shown, in order, with repetitions. */
  get shown(): readonly ShownImage[] {
    return this.#messages.flatMap(imagesOf).map((request) => ({ request, size: this.#views.view(request).size }));
  }

  /** The images of the last question that has any, each once, in order; the first image where none has. */
  get questionImages(): readonly number[] {
    const asked = this.#messages.findLast((message) => message.role === 'user' && imagesOf(message).length > 0);
    return asked === undefined ? [0] : [...new Set(imagesOf(asked).map(({ image }) => image))];
  }

  /** The size of a source image in pixels. Throws ImageRegionError when there is no such image. */
  sourceSize(image: number): PixelSize {
    return this.#views.sourceSize(image);
  }
}

/** The images of a message, in order. */
export function imagesOf({ content }: Message): readonly ImageRequest[] {
  return content.flatMap((piece) => (piece.type === 'image' ? [piece.request] : []));
}
