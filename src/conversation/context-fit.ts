/** Makes a conversation fit the context: leaves its oldest pictures out, as many as have to go. */
import type { Message } from './messages.ts';
import { imagesOf } from './messages.ts';

/** Messages that fit, or the closest to it. */
export interface Fitted {
  readonly messages: readonly Message[];
  /** Pictures that were left out. */
  readonly dropped: number;
}

/** What decides whether messages fit. */
export interface FitOptions {
  /** Tokens of a prompt of these messages. */
  readonly tokensOf: (messages: readonly Message[]) => number;
  /** Most tokens. */
  readonly limit: number;
  /** Messages from this index on keep their pictures: those of the turn that is asked. */
  readonly from: number;
  /** Pictures that are left out in any case. */
  readonly least: number;
}

/** Leaves out the pictures of messages before `from`, oldest first, until the rest fits or none is left to leave out. */
export function dropOldestImages(messages: readonly Message[], { tokensOf, limit, from, least }: FitOptions): Fitted {
  const most = messages.slice(0, from).reduce((sum, message) => sum + imagesOf(message).length, 0);
  for (let dropped = least; ; dropped++) {
    const rest = withoutImages(messages, dropped);
    if (dropped >= most || tokensOf(rest) <= limit) return { messages: rest, dropped };
  }
}

/** The messages without their first `count` pictures. */
export function withoutImages(messages: readonly Message[], count: number): readonly Message[] {
  let left = count;
  return left === 0
    ? messages
    : messages.map((message) => ({
        ...message,
        content: message.content.filter(({ type }) => type !== 'image' || left-- <= 0),
      }));
}
