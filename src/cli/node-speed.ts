/** Measures how fast a loaded model decodes, prefills and encodes an image, with the engine's core: no text, no rounds. */
import type { ModelDefinition } from '../architectures/architecture.ts';
import type { Backend } from '../engine/backend.ts';
import { Decoder } from '../engine/decoder.ts';
import { DeviceQueue } from '../engine/device-queue.ts';
import { generateTokens } from '../engine/generate.ts';
import { countTokens, type Segment } from '../engine/segments.ts';
import { median } from '../evaluation/statistics.ts';
import { type PreprocessedImage, preprocess } from '../image/patchify.ts';
import type { TokenGrid } from '../model/span.ts';
import type { RgbImage } from '../shared/rgb-image.ts';

/** Options of the measurement. */
export interface SpeedOptions {
  readonly model: ModelDefinition;
  readonly backend: Backend;
  /** Decode steps of a measurement. */
  readonly steps: number;
  /** Tokens in the KV cache before the first step. */
  readonly cached: number;
  /** Measurements of each kind, after one warm-up. */
  readonly repeat: number;
}

/** Medians, and token counts. */
export interface Speed {
  readonly decodeStepMs: number;
  readonly tokensPerSecond: number;
  /** A prompt of `prefillTokens` text tokens. */
  readonly prefillMs: number;
  readonly prefillTokens: number;
  /** Encoding an image and prefilling it with some text around, `imageTurnTokens` in all; without preprocessing. */
  readonly imageTurnMs: number;
  readonly imageTurnTokens: number;
}

/** Tokens of the prefill, and pixels of the image: those of the benchmark page. */
const PREFILL_TOKENS = 512;
const IMAGE_SIZE = { width: 1280, height: 960 };

/** Tokens of text before and after the image. */
const TEXT_TOKENS = 16;

/** Warm-up steps before the measured ones, which would otherwise start at a low clock. */
const SETTLING_STEPS = 32;

/** The longest context a cache is allocated for, as in conversation/engine.ts. */
const MAX_CONTEXT = 32_768;

/** Measures everything, one kind after the other. Throws ContextLengthError when the tokens do not fit. */
export async function measureSpeed({ model, backend, steps, cached, repeat }: SpeedOptions): Promise<Speed> {
  const { text } = model.config;
  const processor = model.parseProcessor({}); // the defaults
  const queue = new DeviceQueue(backend.leavesThreadFree);
  const contextLength = Math.min(text.maxPositionEmbeddings, MAX_CONTEXT);
  const decoder = new Decoder({ text: backend.text, contextLength, queue });
  const { signal } = new AbortController();
  const idsFrom = (first: number, count: number): Segment => ({
    kind: 'text',
    ids: Array.from({ length: count }, (_, i) => ((first + i) * 89) % text.vocabSize),
  });

  // 1. Decode steps. The cache keeps the prompt, so that each measurement computes its last token alone before the steps.
  const prompt = [idsFrom(0, cached)];
  await decoder.reserve(cached + steps + 2, cached + steps + 2);
  const decode = async (count: number): Promise<number> => {
    const prefilled = await decoder.prefill(prompt, { signal, wantLogits: false });
    const response = { tokenIds: [], draftedTokens: 0, acceptedTokens: 0 };
    const want = { prefilled, before: [], source: null, drafts: null, ends: [], onToken: () => undefined, signal };
    const start = performance.now();
    await generateTokens(decoder, response, { ...want, maxTokens: count + 1 }); // the prefill gave the first
    return (performance.now() - start) / count;
  };
  const decodeStepMs = await medianOf(repeat, async () => {
    await decode(Math.min(SETTLING_STEPS, steps));
    return decode(steps);
  });

  // 2. Prefills, with nothing cached.
  const prefill = async (segments: readonly Segment[]): Promise<number> => {
    const tokens = countTokens(segments);
    await decoder.reserve(tokens, tokens);
    const start = performance.now();
    await decoder.prefill(segments, { signal, wantLogits: false });
    return performance.now() - start;
  };
  const text512 = [idsFrom(0, PREFILL_TOKENS)];
  const prefillMs = await medianOf(repeat, async () => {
    await decoder.forget();
    return prefill(text512);
  });

  // 3. Images, encoded anew each time. Encoding may resolve when it is submitted, so it is timed together with the prefill after it.
  const image = preprocess(noise(IMAGE_SIZE), processor);
  const grid = gridOf(image, processor.mergeSize);
  const imageTurnTokens = 2 * TEXT_TOKENS + grid.height * grid.width;
  let serial = 0;
  const imageTurnMs = await medianOf(repeat, async () => {
    await decoder.forget();
    const start = performance.now();
    const features = await queue.run(signal, () => backend.vision.encode(image));
    const encodeMs = performance.now() - start;
    const seen: Segment = { kind: 'image', serial: serial++, grid, features: async () => features };
    const prefillMs = await prefill([idsFrom(0, TEXT_TOKENS), seen, idsFrom(TEXT_TOKENS, TEXT_TOKENS)]);
    features.dispose();
    return encodeMs + prefillMs;
  });
  await decoder.clear();
  const tokensPerSecond = 1000 / decodeStepMs;
  return { decodeStepMs, tokensPerSecond, prefillMs, prefillTokens: PREFILL_TOKENS, imageTurnMs, imageTurnTokens };
}

/** The median of `repeat` measurements, after one warm-up. */
async function medianOf(repeat: number, measure: () => Promise<number>): Promise<number> {
  await measure();
  const times: number[] = [];
  for (let i = 0; i < repeat; i++) times.push(await measure());
  return median(times);
}

/** Visual tokens of an image. */
function gridOf({ gridThw: [, height, width] }: PreprocessedImage, merge: number): TokenGrid {
  return { height: height / merge, width: width / merge };
}

/** A synthetic image: the time depends on its size alone. */
function noise({ width, height }: Pick<RgbImage, 'width' | 'height'>): RgbImage {
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 89) ^ (i >> 8)) };
}
