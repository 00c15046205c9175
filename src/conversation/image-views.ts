/**
 * The conversation's source images as the model may see them: one view for each request, kept for the next round that asks
 * for the same. A view knows its size and tokens at once, and is preprocessed and encoded when it is first needed.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { ImageInfo } from '../protocol/engine-api.ts';
import { NamedError } from '../shared/errors.ts';
import { fullOf, halfOf, type ImageRequest, requestKey } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { ImageFeatures, VisionModel } from '../engine/backend.ts';
import type { ImageSegment } from '../engine/segments.ts';
import { type PlannedView, planView, prepareView } from '../image/image-request.ts';
import type { PreprocessedImage } from '../image/patchify.ts';
import type { PixelSize } from '../image/smart-resize.ts';
import type { DeviceQueue } from '../engine/device-queue.ts';

/** Largest image that is shown as the model sees it. */
const MAX_SEEN_PIXELS = 4_000_000;

/** Views of regions that outlive their turn, the last used ones; whole images stay as long as their source does. */
const CACHED_REGIONS = 8;

/** What views are made with. */
export interface ViewContext {
  readonly processor: ProcessorSettings;
  readonly vision: VisionModel;
  readonly queue: DeviceQueue;
  /** A number no other view has. */
  readonly nextSerial: () => number;
}

/** A preprocessed view. */
export interface PreparedView {
  /** What the model sees, unless that is too large to show. */
  readonly seen: RgbImage | null;
  /** Milliseconds it took now; 0 when it was there already. */
  readonly tookMs: number;
}

/** Source images and the views that were asked for, by request. */
export class ImageViews {
  readonly #context: ViewContext;
  readonly #sources: RgbImage[] = [];
  /** By request, the last used one last. */
  readonly #views = new Map<string, ImageView>();
  #pixelBudget: number | null = null;

  constructor(context: ViewContext) {
    this.#context = context;
  }

  /** Takes a source image; returns the number that requests name it by. Throws ImageShapeError when the processor refuses its shape. */
  add(source: RgbImage): number {
    this.#info(source, this.#pixelBudget);
    return this.#sources.push(source) - 1;
  }

  /**
   * Changes the pixel budget: null is none beyond the processor's own. Views of another budget are forgotten.
   * Throws ImageShapeError, keeping the budget before.
   */
  setPixelBudget(budget: number | null): void {
    if (budget === this.#pixelBudget) return;
    for (const source of this.#sources) this.#info(source, budget);
    this.dispose();
    this.#pixelBudget = budget;
  }

  /** A source's size and what its whole views cost within a budget; changes nothing. Throws ImageShapeError. */
  plan(image: number, budget: number | null): ImageInfo {
    return this.#info(this.#source(image), budget);
  }

  /** Pixels of a source image. */
  sourceSize(image: number): PixelSize {
    const { width, height } = this.#source(image);
    return { width, height };
  }

  /** The view of a request, made when it is first asked for. Throws ImageShapeError, ImageRegionError. */
  view(request: ImageRequest): ImageView {
    const key = requestKey(request);
    const view = this.#views.get(key) ?? this.#newView(request);
    this.#views.delete(key);
    this.#views.set(key, view);
    return view;
  }

  /** Frees the views of regions but for those used last. Called between turns, when no prompt waits for features. */
  trim(): void {
    const regions = [...this.#views].filter(([, { request }]) => request.region !== null);
    for (const [key, view] of regions.slice(0, -CACHED_REGIONS)) {
      view.dispose();
      this.#views.delete(key);
    }
  }

  /** Frees all views; what is asked for again is computed again. */
  dispose(): void {
    for (const view of this.#views.values()) view.dispose();
    this.#views.clear();
  }

  #newView(request: ImageRequest): ImageView {
    const source = this.#source(request.image);
    const limits = { processor: this.#context.processor, pixelBudget: this.#pixelBudget };
    const plan = planView(source, request, limits);
    return new ImageView(request, plan, () => prepareView(source, request, limits), this.#context);
  }

  #info(source: RgbImage, pixelBudget: number | null): ImageInfo {
    const limits = { processor: this.#context.processor, pixelBudget };
    const tokens = (request: ImageRequest): number => planView(source, request, limits).tokens;
    const { width, height } = source;
    return { width, height, halfTokens: tokens(halfOf(0)), fullTokens: tokens(fullOf(0)) };
  }

  #source(image: number): RgbImage {
    const source = this.#sources[image];
    if (source !== undefined) return source;
    throw new NamedError(
      'ImageRegionError',
      `There is no image ${image}; the conversation has ${this.#sources.length}, counted from 0. Name one of them.`,
    );
  }
}

/** One view of one source image. */
export class ImageView {
  readonly request: ImageRequest;
  /** Pixels after preprocessing. */
  readonly size: PixelSize;
  readonly tokens: number;
  /** The view as a stretch of a prompt. */
  readonly segment: ImageSegment;
  readonly #preprocess: () => PreprocessedImage;
  readonly #context: ViewContext;
  #input: PreprocessedImage | null = null;
  #features: Promise<ImageFeatures> | null = null;
  #encodedOnce = false;

  constructor(request: ImageRequest, plan: PlannedView, prepare: () => PreprocessedImage, context: ViewContext) {
    this.request = request;
    this.size = { width: plan.width, height: plan.height };
    this.tokens = plan.tokens;
    this.#preprocess = prepare;
    this.#context = context;
    const pixels = context.processor.patchSize * context.processor.mergeSize;
    this.segment = {
      kind: 'image',
      serial: context.nextSerial(),
      grid: { height: plan.height / pixels, width: plan.width / pixels },
      features: () => this.#encoded(),
    };
  }

  /** Resizes, the first time. */
  prepare(): PreparedView {
    const start = performance.now();
    const known = this.#input !== null;
    const { seen } = this.#prepared();
    const small = this.size.width * this.size.height <= MAX_SEEN_PIXELS;
    return { seen: small ? seen : null, tookMs: known ? 0 : performance.now() - start };
  }

  /** Encodes, or waits for an encoding under way; returns the milliseconds that took now. Throws StoppedError when the signal fires. */
  async encode(signal: AbortSignal): Promise<number> {
    if (this.#encodedOnce) return 0;
    const start = performance.now();
    await this.#context.queue.run(signal, () => this.#encoded());
    return performance.now() - start;
  }

  /** Frees the features and the preprocessed image. */
  dispose(): void {
    void this.#features?.then(
      (features) => features.dispose(),
      () => undefined,
    );
    this.#features = null;
    this.#encodedOnce = false;
    this.#input = null;
  }

  #encoded(): Promise<ImageFeatures> {
    if (this.#features === null) {
      const encoding = this.#context.vision.encode(this.#prepared());
      this.#features = encoding;
      encoding.then(
        () => {
          this.#encodedOnce = this.#features === encoding;
        },
        () => {
          // A failed encoding is not kept: the next question tries again.
          if (this.#features === encoding) this.#features = null;
        },
      );
    }
    return this.#features;
  }

  #prepared(): PreprocessedImage {
    this.#input ??= this.#preprocess();
    return this.#input;
  }
}
