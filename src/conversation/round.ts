/** A round: preprocesses and encodes its images, prefills the prompt, generates the response, and reports progress. */
import { generateTokens, type Response, type TokenSource } from '../engine/generate.ts';
import type { NextToken } from '../engine/decoder.ts';
import { countTokens, type Segment } from '../engine/segments.ts';
import { TextStream } from '../engine/text-stream.ts';
import type { TurnEvent } from '../protocol/events.ts';
import type { Resolution, RoundImage, RoundImages, RoundResult } from '../protocol/turn.ts';
import type { TextKind } from '../shared/response-tags.ts';
import type { ImageView } from './image-views.ts';
import { ResponseSplitter } from './response.ts';
import type { ParsedCall } from './tools/tool.ts';
import type { TurnContext } from './turn-context.ts';

/** The plan of a round. */
export interface RoundPlan {
  /** Counts from 1. */
  readonly number: number;
  /** Images it adds to the context. */
  readonly views: readonly ImageView[];
  /** All images of the prompt, which are encoded where the cache does not hold them. */
  readonly prompted: readonly ImageView[];
  /** The whole prompt. */
  readonly prompt: readonly Segment[];
  /** Chooses its tokens; null: greedy. */
  readonly source: TokenSource | null;
  readonly maxNewTokens: number;
  /** Milliseconds of its preprocessing that the previous round spent. */
  readonly preprocessedMs: number;
  readonly onEvent: (event: TurnEvent) => void;
  readonly onToken: () => void;
  /** Called when a tool call starts. Returns the milliseconds this thread spent on preparing its result. */
  readonly onCall: () => number;
  readonly signal: AbortSignal;
}

/** One round and its progress. */
export class Round {
  /** The tool call in its text, once the round has ended. */
  call: ParsedCall | null = null;
  readonly #context: TurnContext;
  readonly #plan: RoundPlan;
  readonly #shown: RoundImages;
  readonly #promptTokens: number;
  readonly #timings = { preprocessMs: 0, encodeMs: 0, prefillMs: 0, decodeMs: 0 };
  readonly #response: Response = { tokenIds: [], draftedTokens: 0, acceptedTokens: 0 };
  #computedTokens = 0;
  #calls = false;

  constructor(context: TurnContext, plan: RoundPlan) {
    this.#context = context;
    this.#plan = plan;
    this.#promptTokens = countTokens(plan.prompt);
    this.#shown = shownBy(plan.views);
  }

  /** Runs until the response ends. Throws StoppedError when the signal fires; the text so far stays. */
  async run(): Promise<'stop' | 'length'> {
    const { decoder } = this.#context;
    const { prompt, source, signal } = this.#plan;
    // 1. Preprocess and encode the images, unless they are cached.
    this.#preprocess();
    await this.#encode();
    // 2. Prefill the prompt.
    this.#stage('prefill', 0);
    const start = performance.now();
    const prefilled = await decoder.prefill(prompt, {
      signal,
      wantLogits: source?.readsLogits === true,
      onProgress: (fraction) => this.#stage('prefill', fraction),
    });
    this.#timings.prefillMs = performance.now() - start;
    this.#computedTokens = prefilled.computedTokens;
    // 3. Generate the response.
    this.#stage('decode');
    const finish = await this.#generate(prefilled);
    this.call = this.#context.tool.parse(this.#text);
    return finish;
  }

  /** The round's result. `computedUpTo`: tokens of the turn that were cached before it. */
  result(computedUpTo: number): RoundResult {
    const promptTokens = this.#promptTokens;
    const computedTokens = this.#computedTokens;
    return {
      ...this.#shown,
      promptTokens,
      computedTokens,
      recomputedTokens: Math.max(0, computedUpTo - (promptTokens - computedTokens)),
      ...this.#response,
      text: this.#text,
      toolCall: this.call === null ? null : reported(this.call),
      timings: this.#timings,
    };
  }

  get #text(): string {
    return this.#context.tokenizer.decode(this.#response.tokenIds);
  }

  #preprocess(): void {
    const { number, views, preprocessedMs, onEvent } = this.#plan;
    if (views.length > 0) this.#stage('preprocess');
    const prepared = views.map((view) => view.prepare());
    if (views.length > 0) {
      this.#timings.preprocessMs = prepared.reduce((sum, { tookMs }) => sum + tookMs, preprocessedMs);
    }
    const seen = prepared[0]?.seen ?? null;
    onEvent({ type: 'roundStart', round: number, ...this.#shown, ...(seen === null ? {} : { seen }) });
  }

  async #encode(): Promise<void> {
    const { prompted, prompt, signal } = this.#plan;
    if (prompted.length === 0) return;
    const cached = this.#context.decoder.cachedPrefix(prompt);
    const missing = prompted.filter(({ segment }) => cached < tokensUpTo(prompt, segment.serial));
    if (missing.length > 0) this.#stage('encode');
    for (const view of missing) this.#timings.encodeMs += await view.encode(signal);
  }

  async #generate(prefilled: NextToken): Promise<'stop' | 'length'> {
    const { decoder, drafts, tokenizer, tags, tool, ends } = this.#context;
    const { stopsAt } = tool.describe();
    let written = '';
    const { number, prompt, source, maxNewTokens, onEvent, onToken, onCall, signal } = this.#plan;
    const last = prompt.at(-1);
    let elsewhereMs = 0;
    const emit = (kind: TextKind, delta: string): void => {
      if (kind === 'toolCall' && !this.#calls) {
        this.#calls = true;
        elsewhereMs = onCall();
      }
      onEvent({ type: 'text', round: number, kind, delta });
    };
    const stream = new TextStream(tokenizer);
    const splitter = new ResponseSplitter(tags, emit);
    const start = performance.now();
    try {
      return await generateTokens(decoder, this.#response, {
        prefilled,
        before: last?.kind === 'text' ? last.ids : [],
        source,
        drafts,
        maxTokens: maxNewTokens,
        ends,
        isComplete: () => stopsAt !== undefined && written.includes(stopsAt),
        onToken: (id) => {
          onToken();
          if (ends.includes(id)) return;
          const delta = stream.push(id);
          splitter.push(delta);
          // Only the end may still become the text that stops the round.
          if (stopsAt !== undefined) written = written.slice(-stopsAt.length) + delta;
        },
        signal,
      });
    } finally {
      splitter.push(stream.end());
      splitter.end();
      this.#timings.decodeMs = performance.now() - start - elsewhereMs;
    }
  }

  #stage(stage: 'preprocess' | 'encode' | 'prefill' | 'decode', fraction?: number): void {
    const { number, onEvent } = this.#plan;
    onEvent({ type: 'stage', round: number, stage, ...(fraction === undefined ? {} : { fraction }) });
  }
}

/** A call as the result reports it. */
function reported(call: ParsedCall): RoundResult['toolCall'] {
  return call.valid ? { valid: true } : { valid: false, error: call.error };
}

/** Notes that these views are shown now. */
function shownBy(views: readonly ImageView[]): RoundImages {
  const images = views.map((view): RoundImage => {
    const { request, size: imageSize, tokens: visualTokens } = view;
    return { request, imageSize, visualTokens, ...(view.show() ? { prefetched: true } : {}) };
  });
  return {
    resolution: resolutionOf(views[0]),
    images,
    imageSize: images[0]?.imageSize ?? { width: 0, height: 0 },
    visualTokens: images.reduce((sum, { visualTokens }) => sum + visualTokens, 0),
  };
}

function resolutionOf(view: ImageView | undefined): Resolution {
  if (view === undefined) return 'none';
  if (view.request.region !== null) return 'crop';
  return view.request.scale < 1 ? 'half' : 'full';
}

/** Tokens up to the end of the last image with this serial. */
function tokensUpTo(segments: readonly Segment[], serial: number): number {
  const last = segments.findLastIndex((segment) => segment.kind === 'image' && segment.serial === serial);
  return countTokens(segments.slice(0, last + 1));
}
