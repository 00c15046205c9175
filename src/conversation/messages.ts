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
  /** How many times smaller size limits made it before that; 1 without any. */
  readonly shrink: { readonly x: number; readonly y: number };
}

/** Shown images, by who showed them. */
export interface ShownByOrigin {
  /** Those of questions. */
  readonly asked: readonly ShownImage[];
  /** Those of a tool's replies. */
  readonly replied: readonly ShownImage[];
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
    return this.#shownIn(this.#messages);
  }

  /** The images of all questions and of all replies, each in order. */
  get imagesByOrigin(): ShownByOrigin {
    return this.#byOrigin(this.#messages);
  }

  /** The same, from the last question that shows any on. */
  get sinceQuestion(): ShownByOrigin {
    const last = this.#messages.findLastIndex((message) => message.role === 'user' && imagesOf(message).length > 0);
    return this.#byOrigin(this.#messages.slice(Math.max(0, last)));
  }

  #byOrigin(messages: readonly Message[]): ShownByOrigin {
    const isReply = ({ role }: Message): boolean => role === 'tool';
    return {
      asked: this.#shownIn(messages.filter((message) => !isReply(message))),
      replied: this.#shownIn(messages.filter(isReply)),
    };
  }

  #shownIn(messages: readonly Message[]): readonly ShownImage[] {
    return messages.flatMap(imagesOf).map((request) => {
      const { size } = this.#views.view(request);
      return { request, size, shrink: this.#views.shrinkOf(request) };
    });
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
