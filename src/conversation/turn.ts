/**
 * A turn: one question about one image, in at most two rounds.
 *
 *   round 1: prompt with the first image -> generate -> no tool call: done
 *                                                    -> valid call: tool response with the full image -> round 2
 *                                                    -> malformed call: error turn -> round 2
 *                                                    -> call where none is allowed: done, and say so
 *   round 2: generate -> done
 *
 * Source: dvlab-research/VisionThink scripts/vllm_tool.py (generate_until).
 */
import type { TurnEvent } from '../protocol/events.ts';
import type { FinishReason, RoundResult, ToolCall, TurnResult, TurnSettings } from '../protocol/turn.ts';
import { isNamed } from '../shared/errors.ts';
import { countTokens, type Segment, type TextSegment } from '../engine/segments.ts';
import type { ImageView, ImageViews } from './image-views.ts';
import { generate } from './generate.ts';
import { extractAnswer, parseToolCall } from './response.ts';
import { Sampler } from '../engine/sampler.ts';
import type { TurnContext } from './turn-context.ts';

/** At most this many rounds generate. Each shows at most one image, so that there are never more images than rounds. */
const MAX_ROUNDS = 2;

/** What is asked. */
export interface TurnRequest {
  readonly question: string;
  readonly views: ImageViews;
  readonly settings: TurnSettings;
  /** `performance.now()` when it was asked: what the turn had to wait for counts. */
  readonly askedAt: number;
  /** Text that takes the place of round 1's generation, for tests of round 2. */
  readonly forcedRound1?: string;
  /** Decodes maxNewTokens tokens one by one, without drafts and beyond any end: for measuring a step. */
  readonly plainDecoding?: boolean;
}

/**
 * Runs a turn to its end. A stop ends it with what is there and finish reason `stopped`.
 * Throws ContextLengthError when round 1's prompt does not fit.
 */
export async function runTurn(
  parts: TurnContext,
  request: TurnRequest,
  onEvent: (event: TurnEvent) => void,
  signal: AbortSignal,
): Promise<TurnResult> {
  return new Turn(parts, request, onEvent, signal).run();
}

/** Tokens a turn may need beyond its first prompt. */
export function turnTokens(settings: TurnSettings, toolTurn: readonly Segment[], forced: number): number {
  const generated = Math.max(settings.maxNewTokens, forced) + 1; // 1: <|im_end|> behind a cut text
  return generated + (toolTurn.length === 0 ? 0 : countTokens(toolTurn) + settings.maxNewTokens);
}

/** A round while it runs. */
interface OpenRound {
  readonly number: number;
  readonly view: ImageView | null;
  readonly tokenIds: number[];
  promptTokens: number;
  computedTokens: number;
  draftedTokens: number;
  acceptedTokens: number;
  toolCall: ToolCall | null;
  readonly timings: { preprocessMs: number; encodeMs: number; prefillMs: number; decodeMs: number };
}

class Turn {
  readonly #parts: TurnContext;
  readonly #request: TurnRequest;
  readonly #onEvent: (event: TurnEvent) => void;
  readonly #signal: AbortSignal;
  readonly #sampler: Sampler | null;
  readonly #rounds: RoundResult[] = [];
  /** Most tokens of this turn that the cache has held at once. */
  #computedUpTo = 0;
  #ttftMs: number | null = null;
  #open: OpenRound | null = null;
  /** The full image, while a call for it may be seen coming. */
  #expected: ImageView | null = null;
  /** Milliseconds that preprocessing it took of the time in which round 1 decoded. */
  #expectedMs = 0;

  constructor(parts: TurnContext, request: TurnRequest, onEvent: (event: TurnEvent) => void, signal: AbortSignal) {
    this.#parts = parts;
    this.#request = request;
    this.#onEvent = onEvent;
    this.#signal = signal;
    const { temperature, seed } = request.settings;
    this.#sampler = temperature > 0 ? new Sampler(temperature, seed ?? Math.floor(Math.random() * 2 ** 32)) : null;
  }

  async run(): Promise<TurnResult> {
    try {
      return this.#result(await this.#rounds12());
    } catch (thrown) {
      if (!isNamed(thrown, 'StoppedError')) throw thrown;
      if (this.#open !== null) this.#close(this.#open);
      return this.#result('stopped');
    }
  }

  async #rounds12(): Promise<FinishReason> {
    const { prompts, builder, decoder } = this.#parts;
    const { question, views, settings } = this.#request;
    // Round 1.
    const first = views.view(settings.downsample ? 'half' : 'full');
    const tool = settings.tool ? prompts.tool : null;
    const context: Segment[] = builder.firstRound(question, first.segment, tool !== null);
    const forced = this.#forcedIds();
    const toolTurn = tool === null ? [] : builder.toolResponse(tool, question, views.view('full').segment);
    const firstTokens = countTokens(context);
    await decoder.reserve(firstTokens + 1, firstTokens + turnTokens(settings, toolTurn, forced?.length ?? 0));
    const isMeasured = forced !== null || this.#request.plainDecoding === true;
    if (tool !== null && decoder.chains && !isMeasured) this.#expected = views.view('full');
    const ended = await this.#round(1, first, context, forced);
    const call = this.#rounds[0]?.toolCall ?? null;
    if (call === null) return ended;
    if (tool === null) {
      this.#blameCall('The resize tool was not offered.');
      return 'toolCallRefused';
    }

    // Round 2. Generation that was cut off is closed first, as the reference does.
    context.push(this.#generated());
    if (call.valid) {
      context.push(...toolTurn);
      return this.#lastRound(views.view('full'), context);
    }
    if (tool.errorTurn === null) {
      this.#blameCall(`${call.error ?? 'The call is malformed.'} The model has no turn for errors.`);
      return 'toolCallRefused';
    }
    context.push(builder.errorTurn(tool.errorTurn, call.error ?? 'unknown error'));
    return this.#lastRound(null, context);
  }

  /** The round after the tool's turn; with it the two images and the two rounds that are allowed are used up. */
  async #lastRound(view: ImageView | null, context: readonly Segment[]): Promise<FinishReason> {
    const tokens = countTokens(context);
    const { capacity } = this.#parts.decoder;
    if (tokens >= capacity) {
      this.#blameCall(`Round ${MAX_ROUNDS} needs ${tokens} tokens, the context holds ${capacity}.`);
      return 'length';
    }
    const ended = await this.#round(MAX_ROUNDS, view, context, null);
    if (this.#rounds.at(-1)?.toolCall == null) return ended;
    this.#blameCall(`All ${MAX_ROUNDS} rounds are used up.`);
    return 'toolCallRefused';
  }

  /** Preprocesses, encodes, prefills, generates. */
  async #round(
    number: number,
    view: ImageView | null,
    context: readonly Segment[],
    forced: readonly number[] | null,
  ): Promise<FinishReason> {
    const { decoder, tokenizer } = this.#parts;
    const signal = this.#signal;
    const open: OpenRound = {
      number,
      view,
      tokenIds: [],
      promptTokens: countTokens(context),
      computedTokens: 0,
      draftedTokens: 0,
      acceptedTokens: 0,
      toolCall: null,
      timings: { preprocessMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0 },
    };
    this.#open = open;
    const { timings } = open;

    // 1. The image, unless the cache holds it already.
    if (view !== null) {
      this.#stage(number, 'preprocess');
      const pixels = view.prepare();
      timings.preprocessMs = pixels.tookMs + (number > 1 ? this.#expectedMs : 0);
      this.#onEvent({
        type: 'roundStart',
        round: number,
        resolution: view.resolution,
        imageSize: view.size,
        visualTokens: view.tokens,
        ...(pixels.seen === null ? {} : { seen: pixels.seen }),
      });
      if (decoder.cachedPrefix(context) < tokensUpTo(context, view.segment.serial)) {
        this.#stage(number, 'encode');
        timings.encodeMs = await view.encode(signal);
      }
    } else {
      const imageSize = { width: 0, height: 0 };
      this.#onEvent({ type: 'roundStart', round: number, resolution: 'none', imageSize, visualTokens: 0 });
    }

    // 2. The prompt.
    this.#stage(number, 'prefill', 0);
    const prefillStart = performance.now();
    const wantLogits = this.#sampler !== null;
    const onProgress = (fraction: number): void => this.#stage(number, 'prefill', fraction);
    const prefilled = await decoder.prefill(context, { signal, wantLogits, onProgress });
    timings.prefillMs = performance.now() - prefillStart;
    open.computedTokens = prefilled.computedTokens;

    // 3. The response.
    this.#stage(number, 'decode');
    const decodeStart = performance.now();
    let finish: FinishReason;
    try {
      finish = await generate(this.#parts, open, {
        prefilled,
        before: lastText(context),
        forced,
        sampler: this.#sampler,
        maxNewTokens: this.#request.settings.maxNewTokens,
        plain: this.#request.plainDecoding === true,
        onText: (kind, delta) => {
          if (kind === 'toolCall') this.#encodeExpected();
          this.#onEvent({ type: 'text', round: number, kind, delta });
        },
        onToken: () => (this.#ttftMs ??= performance.now() - this.#request.askedAt),
        signal,
      });
    } finally {
      timings.decodeMs = performance.now() - decodeStart - (number > 1 ? 0 : this.#expectedMs);
    }
    open.toolCall = parseToolCall(tokenizer.decode(open.tokenIds));
    this.#close(open);
    return finish;
  }

  /**
   * A call has begun. A device that is only handed its work gets the full image's encoding behind the steps in flight, and has no
   * pause while the call is read back and checked. What fails fails again in round 2, which tells it.
   */
  #encodeExpected(): void {
    const view = this.#expected;
    if (view === null) return;
    this.#expected = null;
    try {
      this.#expectedMs = view.prepare().tookMs;
    } catch {
      return;
    }
    view.encode(this.#signal).catch(() => undefined);
  }

  /** Turns the open round into a result and tells about it. */
  #close(open: OpenRound): void {
    const { view } = open;
    const result: RoundResult = {
      resolution: view?.resolution ?? 'none',
      imageSize: view?.size ?? { width: 0, height: 0 },
      visualTokens: view?.tokens ?? 0,
      promptTokens: open.promptTokens,
      computedTokens: open.computedTokens,
      recomputedTokens: this.#recomputed(open),
      draftedTokens: open.draftedTokens,
      acceptedTokens: open.acceptedTokens,
      tokenIds: open.tokenIds,
      text: this.#parts.tokenizer.decode(open.tokenIds),
      toolCall: open.toolCall,
      timings: open.timings,
    };
    this.#computedUpTo = Math.max(this.#computedUpTo, this.#parts.decoder.length);
    this.#rounds.push(result);
    this.#open = null;
    this.#onEvent({ type: 'roundEnd', round: open.number, result });
  }

  /** Tokens this round's prefill computed although an earlier round of the turn had computed them. */
  #recomputed({ promptTokens, computedTokens }: OpenRound): number {
    return Math.max(0, this.#computedUpTo - (promptTokens - computedTokens));
  }

  /** The last round's ids as part of the next prompt, ended by `<|im_end|>`. */
  #generated(): TextSegment {
    const ids = this.#rounds.at(-1)?.tokenIds ?? [];
    const { endOfTurn } = this.#parts;
    return { kind: 'text', ids: ids.at(-1) === endOfTurn ? ids : [...ids, endOfTurn] };
  }

  /** The ids that take the place of round 1's generation, or null. */
  #forcedIds(): readonly number[] | null {
    const { forcedRound1 } = this.#request;
    return forcedRound1 === undefined ? null : [...this.#parts.tokenizer.encode(forcedRound1), this.#parts.endOfTurn];
  }

  /** Says in the last round's result why its call was not followed. */
  #blameCall(why: string): void {
    const last = this.#rounds.pop();
    if (last?.toolCall != null) this.#rounds.push({ ...last, toolCall: { ...last.toolCall, error: why } });
  }

  #stage(round: number, stage: 'preprocess' | 'encode' | 'prefill' | 'decode', fraction?: number): void {
    this.#onEvent({ type: 'stage', round, stage, ...(fraction === undefined ? {} : { fraction }) });
  }

  #result(finishReason: FinishReason): TurnResult {
    const text = this.#rounds.map(({ tokenIds }) => this.#parts.tokenizer.plainText(tokenIds)).join('');
    const used = this.#rounds.reduce((sum, round) => sum + round.visualTokens, 0);
    const full = this.#request.views.view('full').tokens;
    return {
      answer: extractAnswer(text),
      finishReason,
      rounds: this.#rounds,
      visualTokens: { used, full, ratio: used / full },
      ttftMs: this.#ttftMs,
      totalMs: performance.now() - this.#request.askedAt,
    };
  }
}

/** The ids of the text a prompt ends with. */
function lastText(segments: readonly Segment[]): readonly number[] {
  const last = segments.at(-1);
  return last?.kind === 'text' ? last.ids : [];
}

/** Tokens up to the end of the last image with this serial. */
function tokensUpTo(segments: readonly Segment[], serial: number): number {
  const last = segments.findLastIndex((segment) => segment.kind === 'image' && segment.serial === serial);
  return countTokens(segments.slice(0, last + 1));
}
