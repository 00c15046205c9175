/**
 * Views of the conversation's source images: one view per request, cached for later rounds with the same request. A view knows
 * its size and tokens immediately; it is preprocessed and encoded when first needed.
 */
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { SizeLimits } from '../protocol/turn.ts';
import { NamedError } from '../shared/errors.ts';
import { fullOf, halfOf, type ImageRequest, requestKey } from '../shared/image-request.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { ImageFeatures, VisionModel } from '../engine/backend.ts';
import type { ImageSegment } from '../engine/segments.ts';
import { type PlannedView, planView, prepareView, sizeBefore } from '../image/image-request.ts';
import type { PreprocessedImage } from '../image/patchify.ts';
import type { PixelSize } from '../image/smart-resize.ts';
import { type DeviceQueue, untilStopped } from '../engine/device-queue.ts';
import type { EncodePace } from './encode-pace.ts';

/** Largest image, in pixels, that the page shows as the model sees it. */
const MAX_SEEN_PIXELS = 4_000_000;

/** Recently used views of regions, and of whole images, whose pixels and features outlive their turn. */
const CACHED_REGIONS = 8;
const CACHED_WHOLE = 8;

/** Images as large as they are. */
const NO_LIMITS: SizeLimits = { pixelBudget: null, minPixels: null };

/** What views need to preprocess and encode. */
export interface ViewContext {
  readonly processor: ProcessorSettings;
  readonly vision: VisionModel;
  readonly queue: DeviceQueue;
  readonly pace: EncodePace;
  /** Returns a number that is unique to a view. */
  readonly nextSerial: () => number;
}

/** A preprocessed view. */
export interface PreparedView {
  /** The image as the model sees it; null if it is too large to show. */
  readonly seen: RgbImage | null;
  /** Milliseconds this call took; 0 if the view was already prepared. */
  readonly tookMs: number;
}

/** Source images and their requested views. */
export class ImageViews {
  readonly #context: ViewContext;
  readonly #sources: RgbImage[] = [];
  /** By request, most recently used last. */
  readonly #views = new Map<string, ImageView>();
  /** Views that are computed before they are asked for. */
  #expected: readonly ImageView[] = [];
  #limits: SizeLimits = NO_LIMITS;

  constructor(context: ViewContext) {
    this.#context = context;
  }

  /** Adds a source image; returns its number for requests. Throws ImageShapeError when the processor refuses its aspect ratio. */
  add(source: RgbImage): number {
    this.#info(source, this.#limits);
    return this.#sources.push(source) - 1;
  }

  /**
   * Changes the size limits. Drops views within other limits. Throws ImageShapeError, keeping the previous limits.
   */
  setLimits({ pixelBudget, minPixels }: SizeLimits): void {
    if (pixelBudget === this.#limits.pixelBudget && minPixels === this.#limits.minPixels) return;
    const limits = { pixelBudget, minPixels };
    for (const source of this.#sources) this.#info(source, limits);
    this.dispose();
    this.#limits = limits;
  }

  /** A source's size and the token costs of its whole views within limits; changes nothing. Throws ImageShapeError. */
  plan(image: number, limits: SizeLimits): ImageInfo {
    return this.#info(this.#source(image), limits);
  }

  /** Pixels of a source image. */
  sourceSize(image: number): PixelSize {
    const { width, height } = this.#source(image);
    return { width, height };
  }

  /** How many times smaller the size limits make a view before the processor sees it. */
  shrinkOf(request: ImageRequest): { readonly x: number; readonly y: number } {
    const source = this.#source(request.image);
    const free = sizeBefore(source, request, NO_LIMITS);
    const limited = sizeBefore(source, request, this.#limits);
    return { x: free.width / limited.width, y: free.height / limited.height };
  }

  /** The view of a request, created on first use. Throws ImageShapeError, ImageRegionError. */
  view(request: ImageRequest): ImageView {
    const key = requestKey(request);
    const view = this.#views.get(key) ?? this.#newView(request);
    this.#views.delete(key);
    this.#views.set(key, view);
    return view;
  }

  /** The same; null for a request that cannot be shown. */
  viewIfPossible(request: ImageRequest): ImageView | null {
    try {
      return this.view(request);
    } catch {
      return null;
    }
  }

  /** Names the views that are computed before they are asked for, and frees those named before that nothing has shown since. */
  expect(views: readonly ImageView[]): void {
    for (const view of this.#expected) if (!view.isShown && !views.includes(view)) view.dispose();
    this.#expected = views;
  }

  /**
   * Frees pixels and features of all but the most recently used views and the expected ones. The views themselves stay: the cache knows a view's
   * tokens by its serial, so a conversation that shows it again computes nothing. Called between turns, when no prompt waits.
   */
  trim(): void {
    const views = [...this.#views.values()].filter((view) => view.isShown || !this.#expected.includes(view));
    const regions = views.filter(({ request }) => request.region !== null);
    const whole = views.filter(({ request }) => request.region === null);
    for (const view of [...regions.slice(0, -CACHED_REGIONS), ...whole.slice(0, -CACHED_WHOLE)]) view.dispose();
  }

  /** Frees all views; later requests recompute them. */
  dispose(): void {
    for (const view of this.#views.values()) view.dispose();
    this.#views.clear();
    this.#expected = [];
  }

  #newView(request: ImageRequest): ImageView {
    const source = this.#source(request.image);
    const limits = { processor: this.#context.processor, ...this.#limits };
    const plan = planView(source, request, limits);
    return new ImageView(request, plan, () => prepareView(source, request, limits), this.#context);
  }

  #info(source: RgbImage, sizes: SizeLimits): ImageInfo {
    const limits = { ...sizes, processor: this.#context.processor };
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
  /** The view as a segment of a prompt. */
  readonly segment: ImageSegment;
  readonly #preprocess: () => PreprocessedImage;
  readonly #context: ViewContext;
  #input: PreprocessedImage | null = null;
  #features: Promise<ImageFeatures> | null = null;
  #encodedOnce = false;
  #shown = false;

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

  /** Bytes of its features and its pixels, once there are any. */
  get bytes(): number {
    return this.tokens * this.#context.vision.bytesPerToken + 3 * this.size.width * this.size.height;
  }

  /** Milliseconds that encoding it will take by this device's pace; 0 when that is done. */
  get expectedMs(): number {
    return this.#encodedOnce ? 0 : this.#context.pace.expectedMs(this.tokens);
  }

  /** Whether a round has shown it since it was computed. */
  get isShown(): boolean {
    return this.#shown;
  }

  /** Notes that a round shows it. Returns whether it was encoded before that, for this round to come. */
  show(): boolean {
    const isAhead = !this.#shown && this.#features !== null;
    this.#shown = true;
    return isAhead;
  }

  /** Preprocesses the view on first use. */
  prepare(): PreparedView {
    const start = performance.now();
    const known = this.#input !== null;
    const { seen } = this.#prepared();
    const small = this.size.width * this.size.height <= MAX_SEEN_PIXELS;
    return { seen: small ? seen : null, tookMs: known ? 0 : performance.now() - start };
  }

  /** Encodes, or waits for a running encoding; returns the milliseconds this call took. Throws StoppedError when the signal fires. */
  async encode(signal: AbortSignal): Promise<number> {
    if (this.#encodedOnce) return 0;
    const start = performance.now();
    await this.#context.queue.run(signal, () => this.#encoded());
    return performance.now() - start;
  }

  /**
   * Encodes before anything asks for it, and learns how long the device takes. Resolves on submission, or where `isComputed` is set
   * once the device has computed it. Throws StoppedError when the signal fires.
   */
  async encodeAhead(signal: AbortSignal, isComputed: boolean): Promise<void> {
    if (this.#encodedOnce) return;
    this.prepare();
    const start = performance.now();
    await this.encode(signal);
    const features = await this.#features;
    if (features === null) return; // freed meanwhile
    const computed = features.computed().then(() => this.#context.pace.note(this.tokens, performance.now() - start));
    computed.catch(() => undefined); // whatever uses the features reports it
    if (isComputed) await untilStopped(signal, computed);
  }

  /** Frees the features and the preprocessed image. */
  dispose(): void {
    void this.#features?.then(
      (features) => features.dispose(),
      () => undefined,
    );
    this.#features = null;
    this.#encodedOnce = false;
    this.#shown = false;
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
          // A failed encoding is not cached: the next question tries again.
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
