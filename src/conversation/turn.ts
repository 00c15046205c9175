/**
 * A turn: one question, answered in rounds.
 *
 *   round: prompt -> generate -> no tool call: done
 *                             -> a call:       the tool's reply (images or text) -> next round
 *                             -> malformed:    error turn -> next round
 *                             -> a call where none is allowed: done, and say so
 *
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py (generate_until).
 */
import type { TokenSource } from '../engine/generate.ts';
import { Sampler } from '../engine/sampler.ts';
import { countTokens, type Segment } from '../engine/segments.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { TurnEvent } from '../protocol/events.ts';
import type { AnswerMark, FinishReason, RoundResult, ToolCall, TurnResult } from '../protocol/turn.ts';
import { isNamed } from '../shared/errors.ts';
import { fullOf, type ImageRequest } from '../shared/image-request.ts';
import { shownBySteps } from '../image/view-steps.ts';
import { findMarks, placeMark } from './answer-marks.ts';
import type { ImageView } from './image-views.ts';
import { imagesOf, type Message } from './messages.ts';
import { extractAnswer } from './response.ts';
import { Round } from './round.ts';
import { replyTo, roundsOf } from './reply.ts';
import type { ParsedCall } from './tools/tool.ts';
import type { TurnContext } from './turn-context.ts';
import { TurnPrompt } from './turn-prompt.ts';
import { startTurn, tokensToCome, type TurnQuestion, type TurnStart } from './turn-start.ts';

/** The request for a turn. */
export interface TurnRequest extends TurnQuestion {
  /** `performance.now()` at the question: the turn's time includes its waiting. */
  readonly askedAt: number;
  /** What the cache held at the end of the conversation's last turn; empty or absent: nothing. */
  readonly held?: readonly number[];
  /** Returns the token source of a round; null or absent: the model decides, with the settings' temperature. */
  readonly sourceOf?: ((round: number, tokenizer: Tokenizer) => TokenSource | null) | undefined;
}

/**
 * Runs a turn to its end. A stop ends it with the text so far and finish reason `stopped`.
 * Throws ContextLengthError when round 1's prompt does not fit.
 */
export async function runTurn(
  context: TurnContext,
  request: TurnRequest,
  onEvent: (event: TurnEvent) => void,
  signal: AbortSignal,
): Promise<TurnResult> {
  return new Turn(context, request, onEvent, signal).run();
}

class Turn {
  readonly #context: TurnContext;
  readonly #request: TurnRequest;
  readonly #onEvent: (event: TurnEvent) => void;
  readonly #signal: AbortSignal;
  readonly #start: TurnStart;
  readonly #sampler: Sampler | null;
  readonly #rounds: RoundResult[] = [];
  readonly #prompt: TurnPrompt;
  /** Rounds whose responses are part of the conversation. */
  #answered = 0;
  /** Most tokens of this conversation that were cached at once. */
  #computedUpTo = 0;
  #ttftMs: number | null = null;
  #open: Round | null = null;
  /** Milliseconds of preprocessing during the last round's decode. */
  #speculativeMs = 0;

  constructor(context: TurnContext, request: TurnRequest, onEvent: (event: TurnEvent) => void, signal: AbortSignal) {
    this.#context = context;
    this.#request = request;
    this.#onEvent = onEvent;
    this.#signal = signal;
    this.#start = startTurn(context, request);
    this.#prompt = new TurnPrompt(context, this.#start, request.settings);
    const { temperature, topP, seed = Math.floor(Math.random() * 2 ** 32) } = request.settings;
    this.#sampler = temperature > 0 ? new Sampler({ temperature, topP, seed }) : null;
  }

  async run(): Promise<TurnResult> {
    try {
      return this.#result(await this.#runRounds());
    } catch (thrown) {
      if (!isNamed(thrown, 'StoppedError')) throw thrown;
      if (this.#open !== null) this.#close(this.#open);
      return this.#result('stopped');
    }
  }

  async #runRounds(): Promise<FinishReason> {
    const { decoder, tool } = this.#context;
    const { conversation } = this.#start;
    let prompt = this.#prompt.first();
    let { requests } = this.#start;
    const firstTokens = countTokens(prompt);
    this.#computedUpTo = this.#prompt.heldTokens(this.#request.held ?? []);
    const forced = this.#sourceOf(1)?.length ?? 0;
    const toCome = tokensToCome(this.#context, this.#start, this.#request, forced);
    await decoder.reserve(firstTokens + 1, firstTokens + toCome);
    for (let number = 1; ; number++) {
      const { finish, call } = await this.#round(number, requests, prompt);
      if (call === null) return finish;
      conversation.add(...this.#answers());
      this.#answered = this.#rounds.length;
      const reply = replyTo(call, { ...this.#start, ...this.#request, tool, round: number, shown: this.#imageCount() });
      if (reply.fault !== null) this.#blameCall(reply.fault);
      if (reply.message === null) return 'toolCallRefused';
      conversation.add(reply.message);
      prompt = this.#prompt.next();
      requests = imagesOf(reply.message);
      const tokens = countTokens(prompt);
      if (tokens >= decoder.contextLength) {
        this.#blameCall({
          error: `Round ${number + 1} needs ${tokens} tokens, the context holds ${decoder.contextLength}.`,
        });
        return 'length';
      }
      if (tokens >= decoder.capacity) await decoder.reserve(tokens + 1, tokens + toCome);
    }
  }

  async #round(
    number: number,
    requests: readonly ImageRequest[],
    prompt: readonly Segment[],
  ): Promise<{ readonly finish: FinishReason; readonly call: ParsedCall | null }> {
    const given = this.#sourceOf(number);
    const expected = given === null ? this.#expectedView(number, requests.length) : null;
    const preprocessedMs = this.#speculativeMs;
    this.#speculativeMs = 0;
    const round = new Round(this.#context, {
      number,
      views: requests.map((request) => this.#request.views.view(request)),
      prompted: this.#prompt.images.map((request) => this.#request.views.view(request)),
      prompt,
      source: given ?? this.#sampler,
      maxNewTokens: this.#request.settings.maxNewTokens,
      preprocessedMs,
      onEvent: this.#onEvent,
      onToken: () => (this.#ttftMs ??= performance.now() - this.#request.askedAt),
      onCall: () => (this.#speculativeMs = expected === null ? 0 : this.#encodeSpeculatively(expected)),
      signal: this.#signal,
    });
    this.#open = round;
    const finish = await round.run();
    this.#close(round);
    return { finish, call: round.call };
  }

  /**
   * The one image that a call in this round requests; null if it may request another, or if encoding it early gains nothing.
   * `adds`: images of this round.
   */
  #expectedView(number: number, adds: number): ImageView | null {
    const { tool, decoder } = this.#context;
    const { conversation, offered } = this.#start;
    if (offered === null || !decoder.canPipeline || number >= roundsOf(this.#request.settings, tool)) return null;
    const [request, ...others] = tool.certain?.(conversation) ?? [];
    if (request === undefined || others.length > 0 || this.#imageCount() + adds >= this.#start.maxImages) return null;
    return this.#request.views.view(request);
  }

  /**
   * Called when a tool call starts. On a device the encoding of the expected image is submitted after the steps in flight, so the
   * device does not idle while the call is read back and parsed. A failure recurs in the next round, which reports it.
   * Returns the milliseconds this thread spent on it.
   */
  #encodeSpeculatively(view: ImageView): number {
    try {
      const { tookMs } = view.prepare();
      view.encode(this.#signal).catch(() => undefined);
      return tookMs;
    } catch {
      return 0;
    }
  }

  /** Turns the open round into a result and reports it. */
  #close(round: Round): void {
    const result = round.result(this.#computedUpTo);
    this.#computedUpTo = Math.max(this.#computedUpTo, this.#context.decoder.length);
    this.#rounds.push(result);
    this.#open = null;
    this.#onEvent({ type: 'roundEnd', round: this.#rounds.length, result });
  }

  /** The messages of the rounds that are not yet part of the conversation. */
  #answers(): readonly Message[] {
    return this.#rounds
      .slice(this.#answered)
      .map(({ tokenIds }) => ({ role: 'assistant', content: [{ type: 'tokens', ids: tokenIds }] }));
  }

  /** Images the turn has shown so far. */
  #imageCount(): number {
    return this.#rounds.reduce((sum, { images }) => sum + images.length, 0);
  }

  /** The token source of a round, or null. */
  #sourceOf(round: number): TokenSource | null {
    return this.#request.sourceOf?.(round, this.#context.tokenizer) ?? null;
  }

  /** Records in the last round's result why its call was not executed. */
  #blameCall(why: Partial<ToolCall>): void {
    const last = this.#rounds.length - 1;
    const round = this.#rounds[last];
    if (round?.toolCall != null) this.#rounds[last] = { ...round, toolCall: { ...round.toolCall, ...why } };
  }

  /** The answer in the turn's text. `decode`: the text of a round's tokens. */
  #answer(decode: (ids: readonly number[]) => string): string {
    const { tags } = this.#context;
    const texts = this.#rounds.map(({ tokenIds }) => decode(tokenIds));
    // Without tags that mark the answer, all of the last round is the answer, and the earlier rounds are calls.
    return extractAnswer(tags.answer === null ? (texts.at(-1) ?? '') : texts.join(''), tags);
  }

  /** The boxes and points of the answer, which count in the last image that was shown whole, or else in the region asked about. */
  #marks(): readonly AnswerMark[] {
    const { tokenizer, markUnit: unit } = this.#context;
    const written = findMarks(this.#answer((ids) => tokenizer.decode(ids)));
    if (written.length === 0) return [];
    const { conversation } = this.#start;
    const { asked, replied } = conversation.sinceQuestion;
    const counted = [...asked, ...replied].findLast(({ request }) => request.region === null) ?? asked.at(-1);
    if (counted === undefined) return [];
    const { image, region, steps = [] } = counted.request;
    const source = conversation.sourceSize(image);
    const shown = region ?? shownBySteps(source, steps);
    return written.map((mark) => placeMark(mark, { image, seen: counted.size, shown, unit }));
  }

  #result(finishReason: FinishReason): TurnResult {
    const { tokenizer } = this.#context;
    const { views, askedAt } = this.#request;
    const { conversation, historyLength, requests } = this.#start;
    const used = this.#rounds.reduce((sum, round) => sum + round.visualTokens, 0);
    const full = picturesOf(requests).reduce((sum, image) => sum + views.view(fullOf(image)).tokens, 0);
    return {
      answer: this.#answer((ids) => tokenizer.plainText(ids)),
      finishReason,
      rounds: this.#rounds,
      visualTokens: { used, full, ratio: full === 0 ? 0 : used / full },
      marks: this.#marks(),
      messages: [...conversation.messages.slice(historyLength), ...this.#answers()],
      droppedImages: this.#prompt.dropped,
      ttftMs: this.#ttftMs,
      totalMs: performance.now() - askedAt,
    };
  }
}

/** The pictures that always showing them at full resolution would show: each whole one, and once each that only regions show. */
function picturesOf(requests: readonly ImageRequest[]): readonly number[] {
  const whole = requests.filter(({ region }) => region === null).map(({ image }) => image);
  const others = requests.map(({ image }) => image).filter((image) => !whole.includes(image));
  return [...whole, ...new Set(others)];
}
