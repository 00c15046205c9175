/** The prompts of a turn's rounds, and what a full context leaves out of them. */
import { commonPrefix, countTokens, type Segment } from '../engine/segments.ts';
import type { TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import type { ImageRequest } from '../shared/image-request.ts';
import { dropOldestImages, withoutImages } from './context-fit.ts';
import { imagesOf, type Message } from './messages.ts';
import type { TurnContext } from './turn-context.ts';
import type { TurnStart } from './turn-start.ts';

/** Tokens of the context that pictures make way for: room for an answer, unless fewer are asked for. */
const ANSWER_ROOM = 512;

/** Builds the prompt of each round from the turn's conversation. */
export class TurnPrompt {
  readonly #context: Pick<TurnContext, 'builder' | 'decoder'>;
  readonly #start: TurnStart;
  readonly #settings: TurnSettings;
  #segments: readonly Segment[] = [];
  /** Messages that the segments contain. */
  #length = 0;
  #dropped = 0;

  constructor(context: Pick<TurnContext, 'builder' | 'decoder'>, start: TurnStart, settings: TurnSettings) {
    this.#context = context;
    this.#start = start;
    this.#settings = settings;
  }

  /** The conversation's oldest pictures that the prompt leaves out. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The images of the prompt, in order. */
  get images(): readonly ImageRequest[] {
    return this.#kept(this.#dropped).flatMap(imagesOf);
  }

  /** Round 1's prompt. Throws ContextLengthError where a conversation with history does not fit. */
  first(): readonly Segment[] {
    const { contextLength } = this.#context.decoder;
    const prompt = this.#fitted();
    const tokens = countTokens(prompt);
    if (tokens < contextLength || this.#start.historyLength === 0) return prompt;
    const advice = this.#settings.dropOldestImages
      ? 'Its older pictures have been left out already. Start a new chat, or ask a shorter question.'
      : 'Start a new chat, ask a shorter question, or let it leave out its oldest pictures (drop-oldest-images).';
    throw new NamedError(
      'ContextLengthError',
      `The conversation is full: with this question it needs ${tokens + 1} tokens, the model holds ${contextLength}. ${advice}`,
    );
  }

  /** The beginning of round 1's prompt that does not depend on the question's text. */
  prefix(): readonly Segment[] {
    this.#fitted();
    const { historyLength, imageOf } = this.#start;
    return this.#context.builder.prefix(this.#kept(this.#dropped), imageOf, historyLength);
  }

  /** The next round's prompt, which continues the last one unless pictures have to go. */
  next(): readonly Segment[] {
    const added = this.#start.conversation.messages.slice(this.#length);
    const prompt = [...this.#segments, ...this.#build(added)];
    if (this.#settings.dropOldestImages && countTokens(prompt) > this.#limit) return this.#fitted();
    return this.#hold(prompt);
  }

  /**
   * How many of the prompt's tokens a cache of these slots held for the conversation, at its beginning or, where pictures were left
   * out only now, behind them.
   */
  heldTokens(slots: readonly number[]): number {
    const tokens = countTokens(this.#segments);
    let most = 0;
    for (let dropped = 0; dropped <= this.#dropped; dropped++) {
      const before = dropped === this.#dropped ? this.#segments : this.#build(this.#kept(dropped));
      most = Math.max(most, commonPrefix(slots, before) - (countTokens(before) - tokens));
    }
    return most;
  }

  get #limit(): number {
    return this.#context.decoder.contextLength - Math.min(this.#settings.maxNewTokens, ANSWER_ROOM);
  }

  #fitted(): readonly Segment[] {
    const { conversation, historyLength } = this.#start;
    if (this.#settings.dropOldestImages) {
      this.#dropped = dropOldestImages(conversation.messages, {
        tokensOf: (messages) => countTokens(this.#build(messages)),
        limit: this.#limit,
        from: historyLength,
        least: this.#dropped,
      }).dropped;
    }
    return this.#hold(this.#build(this.#kept(this.#dropped)));
  }

  #kept(dropped: number): readonly Message[] {
    return withoutImages(this.#start.conversation.messages, dropped);
  }

  #build(messages: readonly Message[]): readonly Segment[] {
    return this.#context.builder.segments(messages, this.#start.imageOf);
  }

  #hold(segments: readonly Segment[]): readonly Segment[] {
    this.#segments = segments;
    this.#length = this.#start.conversation.messages.length;
    return segments;
  }
}
