/**
 * Turns messages into segments of tokens and images, framed by the model's chat format. A conversation's segments are a true
 * prefix of those of the same conversation with more messages: the model's own tokens are never tokenised again, and the next
 * message starts right after the last of them.
 */
import type { ChatFormat } from '../model/chat-format.ts';
import type { Tokenizer, TextPiece } from '../model/tokenizer.ts';
import type { ImageSegment, Segment } from '../engine/segments.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import type { Content, Message } from './messages.ts';

/** Returns the segment of a requested view. */
export type ImageOf = (request: ImageRequest) => ImageSegment;

/** Builds prompts for one model. */
export class PromptBuilder {
  readonly #tokenizer: Tokenizer;
  /** Text around the image token of the placeholder. */
  readonly #imageFrame: readonly [string, string];
  readonly #chat: ChatFormat;
  readonly #endOfMessage: number;

  constructor({ imagePlaceholder }: { readonly imagePlaceholder: string }, tokenizer: Tokenizer, chat: ChatFormat) {
    this.#tokenizer = tokenizer;
    const [before = '', after = ''] = imagePlaceholder.split(chat.imagePad);
    this.#imageFrame = [before, after];
    this.#chat = chat;
    this.#endOfMessage = tokenizer.id(chat.endOfMessage);
  }

  /**
   * The prompt of a conversation, up to and including the opening of the assistant's message. Messages that begin with the
   * assistant's continue an earlier prompt.
   */
  segments(messages: readonly Message[], imageOf: ImageOf): Segment[] {
    return this.#join(this.#framed(messages), imageOf);
  }

  /**
   * The prefix shared by all conversations that differ only in untrusted text from message `known` on: everything before the first
   * such text.
   */
  prefix(messages: readonly Message[], imageOf: ImageOf, known = 0): Segment[] {
    const content = this.#framed(messages);
    const open = new Set(messages.slice(known).flatMap((message) => message.content));
    const unknown = content.findIndex((piece) => piece.type === 'text' && !piece.trusted && open.has(piece));
    return this.#join(unknown < 0 ? content : content.slice(0, unknown), imageOf);
  }

  /** All content in order, including the frames of messages and images. */
  #framed(messages: readonly Message[]): Content[] {
    const { open, endOfMessage, separator } = this.#chat;
    const content: Content[] = [];
    const push = (text: string): number => content.push({ type: 'text', text, trusted: true });
    for (const [i, message] of messages.entries()) {
      const before = messages[i - 1]?.role;
      if (message.role === 'system' || message.role === 'user') {
        push(`${before === 'assistant' ? separator : ''}${open(message.role)}`);
      }
      // A tool's message and a continued prompt have already opened the assistant's message.
      if (message.role === 'assistant' && before !== undefined && before !== 'tool') push(open('assistant'));
      content.push(...message.content.flatMap((piece) => this.#framedImage(piece)));
      if (message.role === 'assistant' && !this.#isEnded(message)) push(endOfMessage);
      if (message.role === 'system' || message.role === 'user') push(endOfMessage + separator);
    }
    const last = messages.at(-1)?.role;
    if (last === 'system' || last === 'user') push(open('assistant'));
    return content;
  }

  #framedImage(piece: Content): readonly Content[] {
    if (piece.type !== 'image') return [piece];
    const [opening, closing] = this.#imageFrame;
    return [{ type: 'text', text: opening, trusted: true }, piece, { type: 'text', text: closing, trusted: true }];
  }

  /** Whether the model ended its message itself; a truncated message is closed for it, as in the reference. */
  #isEnded({ content }: Message): boolean {
    const last = content.at(-1);
    return last?.type === 'tokens' && last.ids.at(-1) === this.#endOfMessage;
  }

  /** Tokenises each run of text as one string. */
  #join(content: readonly Content[], imageOf: ImageOf): Segment[] {
    const segments: Segment[] = [];
    let text: TextPiece[] = [];
    const endText = (): void => {
      if (text.length > 0) segments.push({ kind: 'text', ids: this.#tokenizer.encodePieces(text) });
      text = [];
    };
    for (const piece of content) {
      if (piece.type === 'text') text.push(piece);
      else {
        endText();
        segments.push(piece.type === 'image' ? imageOf(piece.request) : { kind: 'text', ids: piece.ids });
      }
    }
    endText();
    return segments;
  }
}
