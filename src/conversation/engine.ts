/**
 * The engine: a loaded model, the current image, one turn at a time. It knows model folders and the backend interface;
 * workers and command-line tools choose the implementations.
 */
import type { ModelFolder } from '../architectures/model-folder.ts';
import type { ChatContent, ChatContext } from '../protocol/chat.ts';
import type { AddedImage, ImageInfo, ModelInfo, ToolInfo } from '../protocol/engine-api.ts';
import type { TurnEvent } from '../protocol/events.ts';
import type { SizeLimits, TurnResult, TurnSettings } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { Backend } from '../engine/backend.ts';
import { checkContent, checkSettings, checkWords } from './check-question.ts';
import { EngineCore } from './engine-core.ts';
import { IdleWork } from './idle-work.ts';
import type { ImageViews } from './image-views.ts';
import { untrustedText } from './messages.ts';
import { LIKELY_LIMITS, type LikelyLimits } from './prefetch.ts';
import { TOOLS } from './tools/registry.ts';
import type { Tool } from './tools/tool.ts';
import { runTurn, type TurnRequest } from './turn.ts';

/** A question about the first image, without history. */
const ALONE: ChatContext = { history: [], images: [0] };

/** Options of a question beyond its settings. */
export interface AskOptions extends Pick<TurnRequest, 'sourceOf'> {
  /** Its images and the messages before it; absent: the first image, and none. */
  readonly chat?: ChatContext | undefined;
  /** The user's message as it is: text, and images that were added; absent: the model's own template. */
  readonly content?: readonly ChatContent[] | undefined;
}

/** What an engine is built from. */
export interface EngineOptions {
  readonly folder: ModelFolder;
  readonly backend: Backend;
  /** The tools that prompts may name, by default all. */
  readonly tools?: readonly [Tool, ...Tool[]] | undefined;
  /** Limits of views that are encoded before they are asked for. */
  readonly likely?: LikelyLimits | undefined;
}

/** A loaded model. */
export class Engine {
  /** The components of turns, for benchmarks that compose them differently while no turn runs. */
  readonly core: EngineCore;
  readonly #folder: ModelFolder;
  #views: ImageViews | null = null;
  /** What the cache held at the end of the last turn of a conversation. */
  #held: readonly number[] = [];
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | null = null;
  readonly #idle: IdleWork;

  /**
   * `backend` runs the model of `folder`; the engine owns and disposes it. Throws ModelFolderError when the folder's prompts
   * name a tool that is not among `tools`.
   */
  constructor({ folder, backend, tools = TOOLS, likely = LIKELY_LIMITS }: EngineOptions) {
    this.#folder = folder;
    this.core = new EngineCore({ folder, backend, tools });
    this.#idle = new IdleWork(this.core, likely);
  }

  /** Runs everything once on a small image. Throws what a first question would throw, and NumericCheckError. */
  async warmUp(): Promise<void> {
    await this.core.warmUp();
  }

  /** The current images; null before there is one. */
  get views(): ImageViews | null {
    return this.#views;
  }

  /** The model's properties for the page. */
  get info(): ModelInfo {
    const { manifest, prompts } = this.#folder;
    const { tool, tags } = this.core.context;
    return {
      name: manifest.name,
      dtype: manifest.dtype,
      bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
      parameters: manifest.parameters,
      contextLength: this.core.contextLength,
      tool: prompts.tool === null ? null : toolInfo(tool),
      tools: this.core.tools.map(toolInfo),
      tags,
      defaultPixelBudget: manifest.defaultPixelBudget,
    };
  }

  /**
   * Sets the only image for the next questions, image 0, and returns its cost within `pixelBudget`.
   * Throws ImageShapeError, keeping the previous images; BusyError during a turn.
   */
  async setImage(image: RgbImage, pixelBudget: number | null = null): Promise<ImageInfo> {
    if (this.#running !== null) throw busy();
    this.#idle.end();
    const views = this.core.newViews();
    const limits = { pixelBudget, minPixels: null };
    views.setLimits(limits);
    const info = views.plan(views.add(image), limits);
    // Swapped immediately, so that a question asked now uses the new image; the old one is freed when the device is idle.
    const before = this.#views;
    this.#views = views;
    await this.core.queue.idle();
    before?.dispose();
    return info;
  }

  /**
   * Adds an image beside the current ones, and returns its number and its cost within `pixelBudget`.
   * Throws ImageShapeError; BusyError during a turn.
   */
  async addImage(image: RgbImage, pixelBudget: number | null = null): Promise<AddedImage> {
    if (this.#views === null) return { image: 0, ...(await this.setImage(image, pixelBudget)) };
    if (this.#running !== null) throw busy();
    const number = this.#views.add(image);
    return { image: number, ...this.#views.plan(number, { pixelBudget, minPixels: null }) };
  }

  /** The first image's cost within size limits. Throws QuestionError when there is no image, ImageShapeError. */
  planImage(limits: SizeLimits): ImageInfo {
    if (this.#views === null) throw noImage();
    return this.#views.plan(0, limits);
  }

  /**
   * Asks about the current image, or in a conversation. A stop ends the turn with the text so far.
   * Throws QuestionError, ContextLengthError, ImageShapeError, ImageRegionError for an image that was not added, BusyError.
   */
  async ask(
    question: string,
    settings: TurnSettings,
    onEvent: (event: TurnEvent) => void,
    { chat = ALONE, content, sourceOf }: AskOptions = {},
  ): Promise<TurnResult> {
    const askedAt = performance.now();
    if (this.#running !== null) throw busy();
    const isAlone = chat === ALONE && content === undefined;
    if (this.#views === null && isAlone) throw noImage();
    const views = (this.#views ??= this.core.newViews());
    checkSettings(settings);
    if (content === undefined) checkWords(question);
    const asked = content ?? [untrustedText(question)];
    const { vocabSize } = this.#folder.model.config.text;
    const limits = { contextLength: this.core.contextLength, vocabSize };
    checkContent([...chat.history.flatMap((message) => message.content), ...asked], limits);
    const stop = new AbortController();
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#running = { stop, ended };
    try {
      await this.#idle.giveWay({ views, settings, chat }, stop.signal, onEvent);
      await this.core.queue.idle(); // a run abandoned by a stop may still read the features
      views.setLimits(settings);
      views.trim();
      const context = await this.core.contextFor(settings);
      const held = isAlone ? [] : this.#held;
      const request = { question: question.trim(), ...chat, content, views, settings, askedAt, sourceOf, held };
      const result = await runTurn(context, request, onEvent, stop.signal);
      if (!isAlone) this.#held = context.decoder.slots;
      return result;
    } finally {
      this.#running = null;
      end();
    }
  }

  /**
   * Works for a question with these settings in this conversation: computes what it will need, then encodes views that its tool may
   * ask for. Resolves when done, when ended by whatever is asked, or when impossible (asking then reports why); does nothing during
   * a turn.
   */
  async prefetch(settings: TurnSettings, chat: ChatContext = ALONE): Promise<void> {
    if (this.#running === null && this.#views !== null) await this.#idle.run({ views: this.#views, settings, chat });
  }

  /**
   * Drops everything computed for earlier turns: views, remembered responses, the KV cache's content. Keeps the model, the
   * image and the cache's memory. Throws BusyError during a turn.
   */
  async resetCaches(): Promise<void> {
    if (this.#running !== null) throw busy();
    await this.#idle.ended();
    await this.core.queue.idle();
    if (this.#running !== null) throw busy(); // a question was asked while this waited
    this.#views?.dispose();
    this.#held = [];
    this.core.forgetDrafts();
    await this.core.context.decoder.forget();
  }

  /**
   * Ends what runs, and frees everything but the model: images, views, the cache and its memory, remembered responses. The next
   * image is image 0 again.
   */
  async newChat(): Promise<void> {
    await this.stop();
    this.#views?.dispose();
    this.#views = null;
    this.#held = [];
    this.core.forgetDrafts();
    await this.core.context.decoder.clear();
  }

  /** Ends the running turn; resolves when the device is idle again. */
  async stop(): Promise<void> {
    await this.#idle.ended();
    const running = this.#running;
    running?.stop.abort();
    await running?.ended;
    await this.core.queue.idle();
  }

  /** Stops, and frees everything. */
  async dispose(): Promise<void> {
    await this.stop();
    this.#views?.dispose();
    await this.core.dispose();
  }
}

/** A tool, for the page. */
function toolInfo({ name, describe }: Tool): ToolInfo {
  return { name, ...describe().words };
}

function busy(): NamedError {
  return new NamedError('BusyError', 'A question is being answered. Wait for it or stop it first.');
}

function noImage(): NamedError {
  return new NamedError('QuestionError', 'There is no image yet. Choose one, then ask.');
}
