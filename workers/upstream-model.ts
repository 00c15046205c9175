/**
 * A model in unmodified transformers.js: loaded with its own processor, tokenizer and onnxruntime, prompted with VisionThink's turns as
 * text, and run with its generate(), as its documentation shows.
 */
import {
  AutoProcessor,
  AutoTokenizer,
  BaseStreamer,
  env,
  type PreTrainedModel,
  type PreTrainedTokenizer,
  Qwen2_5_VLForConditionalGeneration,
  Qwen2VLImageProcessor,
  RawImage,
  Tensor,
  type TextStreamer,
} from '@huggingface/transformers?upstream';
import { CHATML } from '../src/architectures/qwen2_5_vl/chat.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../src/architectures/qwen2_5_vl/image-processor.ts';
import { parsePrompts, type Prompts } from '../src/model/prompts.ts';
import type { FolderSource } from '../src/protocol/engine-api.ts';
import { ortFiles } from '../src/backends/onnx/web/ort-files.ts';
import { fileFetcher, orUnhandled, timeSessions } from './upstream-environment.ts';

/** Upstream's name for the model; its files are fetched as `/models/bench/PATH`. */
const MODEL_ID = 'bench';
const MODELS = '/models/';
const IMAGE_PAD = '<|image_pad|>';

/** PIL's number for Lanczos; upstream's canvas takes it for its best. */
const LANCZOS = 1;

/** Upstream's end of a turn. */
export const END_OF_TURN = '<|im_end|>';

/** Pictures to patches, as upstream's processors do it. */
export type ImageProcessor = (
  images: RawImage[],
) => Promise<{ readonly pixel_values: Tensor; readonly image_grid_thw: Tensor }>;

/** A picture as the model takes it. */
export interface Patches {
  readonly pixels: Float32Array;
  /** Frames, rows and columns of patches. */
  readonly grid: readonly bigint[];
}

/** A generation with the arrival times of its tokens. */
export interface Generated {
  readonly ids: readonly bigint[];
  /** Milliseconds from the call to each token. */
  readonly at: readonly number[];
  readonly promptTokens: number;
  /** Milliseconds in the vision encoder and in all sessions, up to the end. */
  readonly encodeMs: number;
  readonly modelMs: number;
}

/** The components of a loaded model. */
interface UpstreamParts {
  readonly model: PreTrainedModel;
  readonly processor: ImageProcessor;
  readonly tokenizer: PreTrainedTokenizer;
  readonly prompts: Prompts;
  readonly contextLength: number;
  /** The model type in the folder's config.json; empty where it is missing. */
  readonly dtype: string;
}

/** A model, ready to be asked. */
export class UpstreamModel {
  readonly tokenizer: PreTrainedTokenizer;
  readonly contextLength: number;
  readonly dtype: string;
  readonly #model: PreTrainedModel;
  readonly #processor: ImageProcessor;
  readonly #prompts: Prompts;
  /** Milliseconds each session has run. */
  readonly #ran: ReadonlyMap<string, number> & { clear(): void };

  constructor({ model, processor, tokenizer, prompts, contextLength, dtype }: UpstreamParts) {
    this.tokenizer = tokenizer;
    this.contextLength = contextLength;
    this.dtype = dtype;
    this.#model = model;
    this.#processor = processor;
    this.#prompts = prompts;
    this.#ran = timeSessions(model);
  }

  /** Loads a model folder laid out for transformers.js. Throws whatever upstream throws. */
  static async load(source: FolderSource, device: 'wasm' | 'webgpu'): Promise<UpstreamModel> {
    const files = fileFetcher(source);
    env.allowLocalModels = true;
    env.allowRemoteModels = false;
    env.localModelPath = MODELS;
    env.useBrowserCache = false;
    env.useWasmCache = false;
    env.fetch = async (input) => files(String(input).slice(MODELS.length + MODEL_ID.length + 1));
    // Its own choice is always asyncify; but the CPU part of that build lacks GatherBlockQuantized.
    const wasmPaths = ortFiles(device === 'wasm' ? 'wasm' : 'asyncify');
    Object.assign(env.backends.onnx.wasm ?? {}, { wasmPaths });

    const model = await orUnhandled(Qwen2_5_VLForConditionalGeneration.from_pretrained(MODEL_ID, { device }));
    const processor = await AutoProcessor.from_pretrained(MODEL_ID, {});
    const config = (await (await files('config.json')).json()) as {
      readonly 'transformers.js_config'?: { readonly dtype?: string };
      readonly max_position_embeddings?: number;
      readonly text_config?: { readonly max_position_embeddings?: number };
    };
    return new UpstreamModel({
      model,
      processor: processor.image_processor as unknown as ImageProcessor,
      tokenizer: await AutoTokenizer.from_pretrained(MODEL_ID),
      prompts: parsePrompts(await (await files('prompts.json')).json(), CHATML),
      contextLength: config.text_config?.max_position_embeddings ?? config.max_position_embeddings ?? 4096,
      dtype: config['transformers.js_config']?.dtype ?? '',
    });
  }

  /** The prompt of round 1 as text, one `<|image_pad|>` an image. */
  firstRound(question: string, tool: boolean): string {
    const prompts = this.#prompts;
    const system = tool ? prompts.system : prompts.systemWithoutTool;
    const user = prompts.userTemplate
      .replace('{image}', prompts.imagePlaceholder)
      .replace('{question}', () => question);
    const opening = system === null ? '' : `<|im_start|>system\n${system}${END_OF_TURN}\n`;
    return `${opening}<|im_start|>user\n${user}${END_OF_TURN}\n<|im_start|>assistant\n`;
  }

  /** The turn that brings the full image. */
  toolResponse(question: string): string {
    const { tool, imagePlaceholder } = this.#prompts;
    if (tool === null) throw new Error('the model knows no tool');
    const suffix = tool.replySuffix.replace('{question}', () => question);
    return tool.replyPrefix + tool.perImage.replace('{image}', imagePlaceholder) + suffix;
  }

  /** A picture's patches. */
  async process(image: RawImage): Promise<Patches> {
    const { pixel_values, image_grid_thw } = await this.#processor([image]);
    return { pixels: pixel_values.data as Float32Array, grid: [...(image_grid_thw.data as BigInt64Array)] };
  }

  /** Generates greedily after a prompt, `max` tokens at most and `min` at least. */
  async generate(
    prompt: string,
    images: readonly Patches[],
    { max, min = 0 }: { readonly max: number; readonly min?: number },
  ): Promise<Generated> {
    const ran = this.#ran;
    const start = performance.now();
    ran.clear();
    let next = 0;
    const expanded = prompt.replaceAll(IMAGE_PAD, () => IMAGE_PAD.repeat(tokensOf(images[next++])));
    const { input_ids, attention_mask } = this.tokenizer(expanded, { add_special_tokens: false }) as Record<
      string,
      Tensor
    >;
    if (input_ids === undefined || attention_mask === undefined) throw new Error('the tokenizer gave no ids');
    const streamer = new Clock();
    const output = await this.#model.generate({
      input_ids,
      attention_mask,
      pixel_values: joined(images.map(({ pixels }) => pixels)),
      image_grid_thw: new Tensor('int64', BigInt64Array.from(images.flatMap(({ grid }) => grid)), [images.length, 3]),
      max_new_tokens: max,
      ...(min > 0 ? { min_new_tokens: min } : {}),
      do_sample: false,
      streamer: streamer as BaseStreamer as TextStreamer,
    });
    if (!(output instanceof Tensor)) throw new TypeError('generate() gave no tensor');
    const promptTokens = input_ids.dims[1] ?? 0;
    return {
      ids: [...(output.data as BigInt64Array)].slice(promptTokens),
      at: streamer.tokens.map((time) => time - start),
      promptTokens,
      encodeMs: ran.get('vision_encoder') ?? 0,
      modelMs: [...ran.values()].reduce((sum, ms) => sum + ms, 0),
    };
  }
}

/** Remembers when each token came. */
class Clock extends BaseStreamer {
  readonly tokens: number[] = [];
  #seenPrompt = false;

  override put(): void {
    if (this.#seenPrompt) this.tokens.push(performance.now());
    this.#seenPrompt = true;
  }

  override end(): void {
    // nothing is left over
  }
}

/** Visual tokens of a picture; 0 of none. */
export function tokensOf(patches: Patches | undefined): number {
  const [frames = 0n, rows = 0n, columns = 0n] = patches?.grid ?? [];
  return Number(frames * rows * columns) / 4;
}

/** The patches of all pictures, concatenated. */
function joined(parts: readonly Float32Array[]): Tensor {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Tensor('float32', all, [all.length / PATCH_VALUES, PATCH_VALUES]);
}

/** Values per patch: 3 colours, 2 frames, 14 by 14 pixels. */
const PATCH_VALUES = 1176;

/** A decoded picture. */
export type Picture = RawImage;

/** Decodes a picture as upstream does. */
export function readPicture(file: Blob): Promise<Picture> {
  return RawImage.fromBlob(file);
}

/** The picture at half width and height, as round 1 shows it. */
export async function halved(image: Picture): Promise<Picture> {
  return image.resize(Math.max(1, image.width >> 1), Math.max(1, image.height >> 1), { resample: LANCZOS });
}

/** Upstream's image processor with Qwen2.5-VL's own limits, whatever the model's are. */
export function qwenProcessor(): ImageProcessor {
  const settings = DEFAULT_PROCESSOR_SETTINGS;
  const processor = new Qwen2VLImageProcessor({
    do_convert_rgb: true,
    do_resize: true,
    do_rescale: true,
    do_normalize: true,
    rescale_factor: settings.rescaleFactor,
    image_mean: [...settings.mean],
    image_std: [...settings.std],
    resample: 3,
    patch_size: settings.patchSize,
    merge_size: settings.mergeSize,
    temporal_patch_size: settings.temporalPatchSize,
    min_pixels: settings.minPixels,
    max_pixels: settings.maxPixels,
  });
  return processor;
}

/** The library with its version and how it runs. */
export function upstreamName(device: 'wasm' | 'webgpu'): string {
  const threads = env.backends.onnx.wasm?.numThreads ?? '?';
  return `transformers.js ${env.version} (${device}${device === 'wasm' ? `, ${threads} threads` : ''})`;
}
