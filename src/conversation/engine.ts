/**
 * The engine: a loaded model, the image at hand, one turn at a time. It knows model folders and the backend interface;
 * workers and command-line tools choose the implementations.
 */
import type { ModelFolder } from '../model/model-folder.ts';
import type { ImageInfo, ModelInfo } from '../protocol/engine-api.ts';
import type { TurnEvent } from '../protocol/events.ts';
import type { TurnResult, TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import { PromptBuilder } from './prompt-builder.ts';
import type { Backend } from '../engine/backend.ts';
import { Decoder, notFinite } from '../engine/decoder.ts';
import { PromptLookup } from '../engine/prompt-lookup.ts';
import { ImageViews } from './image-views.ts';
import { preprocessAhead, prefetch } from './prefetch.ts';
import { TOOL_CALL } from './response.ts';
import { countTokens } from '../engine/segments.ts';
import { DeviceQueue, nextTask } from '../engine/device-queue.ts';
import type { TurnContext } from './turn-context.ts';
import { runTurn, type TurnRequest } from './turn.ts';

/** The longest context the engine makes a cache for, whatever the model allows. */
const MAX_CONTEXT = 32_768;

/** Characters a question may have for each token of the context: more cannot fit, so they need not be tokenised. */
const CHARACTERS_PER_TOKEN = 16;

/** What only tests and measurements ask for. */
export type AskOptions = Pick<TurnRequest, 'forcedRound1' | 'plainDecoding'>;

/** Work under way for a question that has not been asked. */
interface Ahead {
  readonly views: ImageViews;
  readonly settings: TurnSettings;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

/** A loaded model. */
export class Engine {
  readonly #folder: ModelFolder;
  readonly #backend: Backend;
  readonly #queue: DeviceQueue;
  readonly #decoder: Decoder;
  readonly #parts: TurnContext;
  readonly #contextLength: number;
  #views: ImageViews | null = null;
  #nextSerial = 0;
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | null = null;
  #ahead: Ahead | null = null;

  /** `backend`: runs the model of `folder`; the engine disposes it with itself. */
  constructor({ folder, backend }: { readonly folder: ModelFolder; readonly backend: Backend }) {
    const { geometry } = folder.manifest;
    this.#folder = folder;
    this.#backend = backend;
    this.#queue = new DeviceQueue(backend.leavesThreadFree);
    this.#contextLength = Math.min(geometry.text.maxPositionEmbeddings, MAX_CONTEXT);
    this.#decoder = new Decoder({ text: backend.text, contextLength: this.#contextLength, queue: this.#queue });
    this.#parts = {
      prompts: folder.prompts,
      builder: new PromptBuilder(folder.prompts, folder.tokenizer),
      tokenizer: folder.tokenizer,
      decoder: this.#decoder,
      drafts: new PromptLookup(folder.prompts.tool === null ? [] : [folder.tokenizer.encode(TOOL_CALL)]),
      eosTokenIds: geometry.tokens.eosTokenIds,
      endOfTurn: folder.tokenizer.id('<|im_end|>'),
    };
  }

  /**
   * Runs everything once on a small image, so that whatever a device does only at first is done before somebody waits for it.
   * Nothing of it stays. Throws what a first question would have thrown, and NumericCheckError where its logits are not finite.
   */
  async warmUp(): Promise<void> {
    const { builder, prompts } = this.#parts;
    const side = 4 * this.#folder.processor.patchSize * this.#folder.processor.mergeSize;
    const views = this.#viewsOf({
      width: side,
      height: side,
      data: Uint8Array.from({ length: 3 * side * side }, (_, i) => i * 89),
    });
    const signal = new AbortController().signal;
    try {
      const prompt = builder.prefix(views.view('full').segment, prompts.tool !== null);
      const tokens = countTokens(prompt);
      await this.#decoder.reserve(tokens + 2, tokens + 2);
      const { greedy, logits } = await this.#decoder.prefill(prompt, { signal, wantLogits: true });
      if (logits?.every(Number.isFinite) === false) throw notFinite();
      if (this.#decoder.chains) {
        for await (const _ of this.#decoder.chain(greedy, { signal, most: 2, goOn: () => true }));
      } else await this.#decoder.step(greedy, { signal, wantLogits: false });
    } finally {
      await this.#decoder.clear();
      views.dispose();
    }
  }

  /** What the page may know of the model. */
  get info(): ModelInfo {
    const { manifest, prompts } = this.#folder;
    return {
      name: manifest.name,
      dtype: manifest.dtype,
      bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
      parameters: manifest.parameters,
      contextLength: this.#contextLength,
      hasTool: prompts.tool !== null,
      defaultPixelBudget: manifest.defaultPixelBudget,
    };
  }

  /**
   * Takes an image for the questions to come, and tells what it will cost within `pixelBudget`.
   * Throws ImageShapeError, keeping the image before; BusyError during a turn.
   */
  async setImage(image: RgbImage, pixelBudget: number | null = null): Promise<ImageInfo> {
    if (this.#running !== null) throw busy();
    this.#ahead?.stop.abort();
    const views = this.#viewsOf(image);
    views.setPixelBudget(pixelBudget);
    const info = views.plan(pixelBudget);
    // Exchanged at once, so that a question asked now meets the new image; freed when the device has let go of it.
    const before = this.#views;
    this.#views = views;
    await this.#queue.idle();
    before?.dispose();
    return info;
  }

  /** What the current image will cost within a pixel budget. Throws QuestionError when there is none, ImageShapeError. */
  planImage(pixelBudget: number | null): ImageInfo {
    if (this.#views === null) throw noImage();
    return this.#views.plan(pixelBudget);
  }

  /**
   * Asks about the current image. A stop ends the turn with what is there.
   * Throws QuestionError, ContextLengthError, ImageShapeError, BusyError.
   */
  async ask(
    question: string,
    settings: TurnSettings,
    onEvent: (event: TurnEvent) => void,
    options: AskOptions = {},
  ): Promise<TurnResult> {
    const askedAt = performance.now();
    if (this.#running !== null) throw busy();
    const views = this.#views;
    if (views === null) throw noImage();
    this.#checkQuestion(question);
    const stop = new AbortController();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#running = { stop, ended };
    try {
      // Work begun for this very question is awaited, any other is given up.
      const ahead = this.#ahead;
      if (ahead !== null) {
        if (settings.fresh === true || !isFor(ahead, views, settings)) ahead.stop.abort();
        onEvent({ type: 'stage', round: 1, stage: 'encode' });
        const stopAhead = (): void => ahead.stop.abort();
        stop.signal.addEventListener('abort', stopAhead, { once: true });
        await ahead.ended;
      }
      await this.#queue.idle(); // a run that a stop has left behind may still read the features
      views.setPixelBudget(settings.pixelBudget);
      if (settings.fresh === true) {
        views.dispose();
        this.#parts.drafts.forget();
        await this.#decoder.forget();
      }
      return await runTurn(
        this.#parts,
        { question: question.trim(), views, settings, askedAt, ...options },
        onEvent,
        stop.signal,
      );
    } finally {
      this.#running = null;
      end();
    }
  }

  /**
   * Does what a question with these settings about the current image will need before it is known, and then what it may need. Resolves when that is
   * done, given up for a stop or another image, or found impossible (asking then says why); does nothing during a turn.
   */
  async prefetch(settings: TurnSettings): Promise<void> {
    const views = this.#views;
    if (this.#running !== null || views === null || settings.fresh === true) return;
    const before = this.#ahead;
    if (before !== null && isFor(before, views, settings)) return before.ended;
    before?.stop.abort();
    const stop = new AbortController();
    const work = async (): Promise<void> => {
      await before?.ended;
      await this.#queue.idle();
      if (stop.signal.aborted) return;
      views.setPixelBudget(settings.pixelBudget);
      await prefetch(this.#parts, views, settings, stop.signal);
    };
    const ended = work().catch(() => undefined);
    const ahead: Ahead = { views, settings, stop, ended };
    this.#ahead = ahead;
    await ended;
    if (this.#ahead === ahead) this.#ahead = null;
    await nextTask(); // a question that has come meanwhile goes first
    if (this.#running === null && this.#ahead === null && this.#views === views && !stop.signal.aborted) {
      preprocessAhead(this.#parts, views, settings);
    }
  }

  /** Ends the running turn; resolves when the device is idle again. */
  async stop(): Promise<void> {
    this.#ahead?.stop.abort();
    await this.#ahead?.ended;
    const running = this.#running;
    running?.stop.abort();
    await running?.ended;
    await this.#queue.idle();
  }

  /** Stops, and frees everything. */
  async dispose(): Promise<void> {
    await this.stop();
    await this.#decoder.clear();
    this.#views?.dispose();
    await this.#backend.dispose();
  }

  #viewsOf(image: RgbImage): ImageViews {
    return new ImageViews(image, {
      processor: this.#folder.processor,
      geometry: this.#folder.manifest.geometry,
      vision: this.#backend.vision,
      queue: this.#queue,
      nextSerial: () => this.#nextSerial++,
    });
  }

  #checkQuestion(question: string): void {
    if (question.trim() === '') throw new NamedError('QuestionError', 'The question is empty. Type one, then ask.');
    const limit = this.#contextLength * CHARACTERS_PER_TOKEN;
    if (question.length > limit) {
      throw new NamedError(
        'QuestionError',
        `The question has ${question.length} characters; this model takes at most about ${limit}. Shorten it.`,
      );
    }
  }
}

/** Whether work ahead is what a question with these settings needs. */
function isFor(ahead: Ahead, views: ImageViews, settings: TurnSettings): boolean {
  const same = (name: 'downsample' | 'tool' | 'pixelBudget' | 'maxNewTokens'): boolean =>
    ahead.settings[name] === settings[name];
  return ahead.views === views && same('downsample') && same('tool') && same('pixelBudget') && same('maxNewTokens');
}

function busy(): NamedError {
  return new NamedError('BusyError', 'A question is being answered. Wait for it or stop it first.');
}

function noImage(): NamedError {
  return new NamedError('QuestionError', 'There is no image yet. Choose one, then ask.');
}
