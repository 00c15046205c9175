/**
 * The image at hand as the model may see it: at half and at full resolution. Each view knows its size and tokens at once,
 * and is preprocessed and encoded when it is first needed.
 */
import type { ModelConfig } from '../model/model-config.ts';
import type { ProcessorSettings } from '../model/processor-settings.ts';
import type { ImageInfo } from '../protocol/engine-api.ts';
import type { RgbImage } from '../shared/rgb-image.ts';
import type { ImageFeatures, VisionModel } from '../engine/backend.ts';
import type { ImageSegment } from '../engine/segments.ts';
import type { PreprocessedImage } from '../image/patchify.ts';
import { type PlannedImage, planResolutions, prepareImage } from '../image/resolutions.ts';
import type { DeviceQueue } from '../engine/device-queue.ts';

/** Largest image that is shown as the model sees it. */
const MAX_SEEN_PIXELS = 4_000_000;

/** What views are made with. */
export interface ViewContext {
  readonly processor: ProcessorSettings;
  readonly geometry: ModelConfig;
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

/** One image, two views. */
export class ImageViews {
  readonly #original: RgbImage;
  readonly #parts: ViewContext;
  #pixelBudget: number | null;
  #views: Readonly<Record<'half' | 'full', ImageView>>;

  /** Throws ImageShapeError when the processor refuses the image's shape. */
  constructor(original: RgbImage, parts: ViewContext) {
    this.#original = original;
    this.#parts = parts;
    this.#pixelBudget = null;
    this.#views = this.#plan(null);
  }

  /**
   * Changes the pixel budget: null is none beyond the processor's own. Views of another budget are forgotten.
   * Throws ImageShapeError, keeping the budget before.
   */
  setPixelBudget(budget: number | null): void {
    if (budget === this.#pixelBudget) return;
    const views = this.#plan(budget);
    this.dispose();
    this.#pixelBudget = budget;
    this.#views = views;
  }

  /** The original's size and what either view costs within a budget; changes nothing. Throws ImageShapeError. */
  plan(budget: number | null): ImageInfo {
    const { width, height } = this.#original;
    const { half, full } = planResolutions(width, height, this.#parts.processor, budget);
    return { width, height, halfTokens: half.tokens, fullTokens: full.tokens };
  }

  /** The view at a resolution. */
  view(resolution: 'half' | 'full'): ImageView {
    return this.#views[resolution];
  }

  /** Frees the features of both views; what is needed again is computed again. */
  dispose(): void {
    for (const view of Object.values(this.#views)) view.dispose();
  }

  #plan(budget: number | null): Record<'half' | 'full', ImageView> {
    const { processor } = this.#parts;
    const plan = planResolutions(this.#original.width, this.#original.height, processor, budget);
    // The budget applies to the original, before it is halved: half stays a quarter of full.
    const prepare = (resolution: 'half' | 'full') => (): PreprocessedImage =>
      prepareImage(this.#original, resolution, processor, budget);
    return {
      half: new ImageView('half', plan.half, prepare('half'), this.#parts),
      full: new ImageView('full', plan.full, prepare('full'), this.#parts),
    };
  }
}

/** The image at one resolution. */
export class ImageView {
  readonly resolution: 'half' | 'full';
  /** Pixels after preprocessing. */
  readonly size: { readonly width: number; readonly height: number };
  readonly tokens: number;
  /** The view as a stretch of a prompt. */
  readonly segment: ImageSegment;
  readonly #preprocess: () => PreprocessedImage;
  readonly #parts: ViewContext;
  #input: PreprocessedImage | null = null;
  #features: Promise<ImageFeatures> | null = null;
  #encodedOnce = false;

  constructor(resolution: 'half' | 'full', plan: PlannedImage, prepare: () => PreprocessedImage, parts: ViewContext) {
    this.resolution = resolution;
    this.size = { width: plan.width, height: plan.height };
    this.tokens = plan.tokens;
    this.#preprocess = prepare;
    this.#parts = parts;
    const pixels = parts.processor.patchSize * parts.processor.mergeSize;
    this.segment = {
      kind: 'image',
      serial: parts.nextSerial(),
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
    await this.#parts.queue.run(signal, () => this.#encoded());
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
      const encoding = this.#parts.vision.encode(this.#prepared());
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
