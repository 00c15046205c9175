/**
 * Stock transformers.js as one of the engines that are compared: its own image processor, tokenizer, onnxruntime and
 * generate(), used as its documentation shows. What it lacks is put around it as a user would: VisionThink's two rounds; and
 * two images of different sizes, on which its processor throws, are processed one by one and laid one behind the other.
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
} from '@huggingface/transformers?stock';
import { fillerText } from '../src/evaluation/filler-text.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../src/model/processor-settings.ts';
import { parsePrompts, type Prompts } from '../src/model/prompts.ts';
import type { ContestantApi, LoadedEngine, MemoryUse, Probe, Sample } from '../src/protocol/bench-api.ts';
import type { BackendChoice, ModelSource } from '../src/protocol/engine-api.ts';
import { ortFiles } from '../src/runtime/web/ort-files.ts';
import { countGpu, perStep } from './gpu-counts.ts';

/** What stock calls the model; its files are fetched as `/models/bench/PATH`. */
const MODEL_ID = 'bench';
const MODELS = '/models/';
const IMAGE_PAD = '<|image_pad|>';
const END_OF_TURN = '<|im_end|>';
const TOOL_CALL = '<tool_call>';
/** Tokens of a prompt that are neither the picture's nor the question's, about. */
const FRAME_TOKENS = 24;
/** PIL's number for Lanczos; stock's canvas takes it for its best. */
const LANCZOS = 1;

type ImageProcessor = (
  images: RawImage[],
) => Promise<{ readonly pixel_values: Tensor; readonly image_grid_thw: Tensor }>;

/** A picture as the model takes it. */
interface Patches {
  readonly pixels: Float32Array;
  /** Frames, rows and columns of patches. */
  readonly grid: readonly bigint[];
}

interface Loaded {
  readonly model: PreTrainedModel;
  readonly processor: ImageProcessor;
  readonly tokenizer: PreTrainedTokenizer;
  readonly prompts: Prompts;
  readonly contextLength: number;
  /** Milliseconds each session has run. */
  readonly ran: Map<string, number>;
}

/** A generation, and when its tokens came. */
interface Generated {
  readonly ids: readonly bigint[];
  /** Milliseconds from the call to each token. */
  readonly at: readonly number[];
  readonly promptTokens: number;
  /** Milliseconds in the vision encoder and in all sessions, up to the end. */
  readonly encodeMs: number;
  readonly modelMs: number;
}

/** Implements the contestant's interface. */
export class StockHost implements ContestantApi {
  readonly #memory: () => MemoryUse;
  readonly #pictures = new Map<string, RawImage>();
  #loaded: Loaded | null = null;

  /** `memory` tells what this worker uses. */
  constructor(memory: () => MemoryUse) {
    this.#memory = memory;
  }

  async load(source: ModelSource, backend: BackendChoice, onProgress: (doing: string) => void): Promise<LoadedEngine> {
    const start = performance.now();
    const device = backend === 'wasm' ? 'wasm' : 'webgpu';
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

    onProgress('stock sessions');
    const model = await orUnhandled(Qwen2_5_VLForConditionalGeneration.from_pretrained(MODEL_ID, { device }));
    const processor = await AutoProcessor.from_pretrained(MODEL_ID, {});
    const config = (await (await files('config.json')).json()) as {
      readonly 'transformers.js_config'?: { readonly dtype?: string };
      readonly max_position_embeddings?: number;
      readonly text_config?: { readonly max_position_embeddings?: number };
    };
    const { ran } = timeSessions(model);
    this.#loaded = {
      model,
      processor: processor.image_processor as unknown as ImageProcessor,
      tokenizer: await AutoTokenizer.from_pretrained(MODEL_ID),
      prompts: parsePrompts(await (await files('prompts.json')).json()),
      contextLength: config.text_config?.max_position_embeddings ?? config.max_position_embeddings ?? 4096,
      ran,
    };
    const { numThreads } = env.backends.onnx.wasm ?? {};
    return {
      engine: `transformers.js ${env.version} (${device}${device === 'wasm' ? `, ${numThreads ?? '?'} threads` : ''})`,
      backend: device,
      adapter: '',
      model: source.kind === 'files' ? source.name : (source.url.split('/').filter(Boolean).at(-1) ?? source.url),
      dtype: config['transformers.js_config']?.dtype ?? '',
      loadMs: performance.now() - start,
      memory: this.#memory(),
    };
  }

  async addPicture(name: string, file: Blob): Promise<void> {
    this.#pictures.set(name, await RawImage.fromBlob(file));
  }

  async measure(probe: Probe): Promise<Sample> {
    switch (probe.kind) {
      case 'decode':
        return this.#decode(probe);
      case 'imageTurn':
        return this.#imageTurn(probe);
      case 'round2':
        return this.#round2(probe);
      case 'firstToken':
        return this.#firstToken(probe);
      case 'preprocess':
        return this.#preprocess(probe);
      case 'answer':
        return this.#answer(probe);
    }
  }

  async memory(): Promise<MemoryUse> {
    return this.#memory();
  }

  async #decode(probe: Probe & { kind: 'decode' }): Promise<Sample> {
    const { tokenizer, contextLength } = this.#ready();
    const steps = probe.newTokens;
    const room = Math.min(probe.cachedTokens, contextLength - steps - 2 * FRAME_TOKENS) - FRAME_TOKENS;
    const question = fillerText(room, (text) => tokenizer.encode(text, { add_special_tokens: false }).length);
    const patches = await this.#process(this.#picture(probe.picture));
    const prompt = this.#firstRound(question, false);
    const run = (): Promise<Generated> => this.#generate(prompt, [patches], { max: steps + 1, min: steps + 1 });
    const counted = probe.profile === true ? await countGpu(run) : { result: await run(), counts: null };
    const { at, promptTokens } = counted.result;
    return {
      ms: ((at.at(-1) ?? 0) - (at[0] ?? 0)) / steps,
      details: {
        cachedTokens: promptTokens,
        ...(counted.counts === null ? {} : perStep(counted.counts, steps + 1)), // the prefill cannot be told apart
      },
    };
  }

  async #imageTurn({ picture, question }: Probe & { kind: 'imageTurn' }): Promise<Sample> {
    const start = performance.now();
    const patches = await this.#process(this.#picture(picture));
    const preprocessMs = performance.now() - start;
    const generated = await this.#generate(this.#firstRound(question, false), [patches], { max: 1 });
    const { encodeMs, modelMs, promptTokens } = generated;
    return {
      ms: modelMs,
      details: { preprocessMs, encodeMs, prefillMs: modelMs - encodeMs, promptTokens, visualTokens: tokensOf(patches) },
    };
  }

  async #round2({ picture, question, toolCall }: Probe & { kind: 'round2' }): Promise<Sample> {
    const image = this.#picture(picture);
    const half = await this.#process(await halved(image)); // round 1 has done this already
    const start = performance.now();
    const full = await this.#process(image);
    const preprocessMs = performance.now() - start;
    const prompt = this.#firstRound(question, true) + toolCall + END_OF_TURN + this.#toolResponse(question);
    const { promptTokens, encodeMs, at } = await this.#generate(prompt, [half, full], { max: 1 });
    return {
      ms: preprocessMs + (at[0] ?? 0),
      details: { preprocessMs, encodeMs, promptTokens, computedTokens: promptTokens },
    };
  }

  async #firstToken({ picture, question }: Probe & { kind: 'firstToken' }): Promise<Sample> {
    const image = this.#picture(picture);
    const start = performance.now();
    const patches = await this.#process(await halved(image));
    const preprocessMs = performance.now() - start;
    const { at } = await this.#generate(this.#firstRound(question, true), [patches], { max: 1 });
    return { ms: preprocessMs + (at[0] ?? 0), details: { preprocessMs } };
  }

  async #preprocess({ picture }: Probe & { kind: 'preprocess' }): Promise<Sample> {
    const image = this.#picture(picture);
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
    const start = performance.now();
    const { pixel_values } = await (processor as unknown as ImageProcessor)([image]);
    return { ms: performance.now() - start, details: { values: pixel_values.size } };
  }

  async #answer({ picture, question, maxNewTokens }: Probe & { kind: 'answer' }): Promise<Sample> {
    const { tokenizer } = this.#ready();
    const image = this.#picture(picture);
    const start = performance.now();
    const images = [await this.#process(await halved(image))];
    let prompt = this.#firstRound(question, true);
    let text = '';
    let preprocessMs = performance.now() - start;
    let [newTokens, encodeMs, modelMs] = [0, 0, 0];
    for (const round of [1, 2]) {
      const generated = await this.#generate(prompt, images, { max: maxNewTokens });
      const { ids } = generated;
      newTokens += ids.length;
      encodeMs += generated.encodeMs;
      modelMs += generated.modelMs;
      text = tokenizer.decode([...ids], { skip_special_tokens: false });
      if (round === 2 || !text.includes(TOOL_CALL)) break;
      const full = performance.now();
      images.push(await this.#process(image));
      preprocessMs += performance.now() - full;
      prompt += (text.endsWith(END_OF_TURN) ? text : text + END_OF_TURN) + this.#toolResponse(question);
    }
    const ms = performance.now() - start;
    const answer = /<answer>([\s\S]*?)<\/answer>/.exec(text)?.[1]?.trim() ?? text.replace(END_OF_TURN, '').trim();
    return { ms, answer, details: { rounds: images.length, newTokens, preprocessMs, encodeMs, modelMs } };
  }

  /** The prompt of round 1 as text, one `<|image_pad|>` an image. */
  #firstRound(question: string, tool: boolean): string {
    const { prompts } = this.#ready();
    const system = tool ? prompts.system : prompts.systemWithoutTool;
    const user = prompts.userTemplate
      .replace('{image}', prompts.imagePlaceholder)
      .replace('{question}', () => question);
    const opening = system === null ? '' : `<|im_start|>system\n${system}${END_OF_TURN}\n`;
    return `${opening}<|im_start|>user\n${user}${END_OF_TURN}\n<|im_start|>assistant\n`;
  }

  /** The turn that brings the full image. */
  #toolResponse(question: string): string {
    const { tool, imagePlaceholder } = this.#ready().prompts;
    if (tool === null) throw new Error('the model knows no tool');
    const suffix = tool.turnSuffix.replace('{question}', () => question);
    return tool.turnPrefix + tool.perImage.replace('{image}', imagePlaceholder) + suffix;
  }

  async #process(image: RawImage): Promise<Patches> {
    const { pixel_values, image_grid_thw } = await this.#ready().processor([image]);
    return { pixels: pixel_values.data as Float32Array, grid: [...(image_grid_thw.data as BigInt64Array)] };
  }

  /** Generates greedily behind a prompt, `max` tokens at most and `min` at least. */
  async #generate(
    prompt: string,
    images: readonly Patches[],
    { max, min = 0 }: { readonly max: number; readonly min?: number },
  ): Promise<Generated> {
    const { model, tokenizer, ran } = this.#ready();
    const start = performance.now();
    ran.clear();
    let next = 0;
    const expanded = prompt.replaceAll(IMAGE_PAD, () => IMAGE_PAD.repeat(tokensOf(images[next++])));
    const { input_ids, attention_mask } = tokenizer(expanded, { add_special_tokens: false }) as Record<string, Tensor>;
    if (input_ids === undefined || attention_mask === undefined) throw new Error('the tokenizer gave no ids');
    const streamer = new Clock();
    const output = await model.generate({
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

  #ready(): Loaded {
    if (this.#loaded === null) throw new Error('no model is loaded');
    return this.#loaded;
  }

  #picture(name: string): RawImage {
    const picture = this.#pictures.get(name);
    if (picture === undefined) throw new Error(`there is no picture "${name}"`);
    return picture;
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

/** What stock fetches a model's files with: files in hand, or a folder of the site. */
function fileFetcher(source: ModelSource): (path: string) => Promise<Response> {
  if (source.kind === 'url') {
    const root = new URL(source.url.endsWith('/') ? source.url : `${source.url}/`, self.location.href);
    return (path) => fetch(new URL(path, root));
  }
  const blobs = new Map(source.files.map(({ path, blob }) => [path, blob]));
  return async (path) => {
    const blob = blobs.get(path);
    return blob === undefined ? new Response(null, { status: 404 }) : new Response(blob);
  };
}

/** The work's result; or the first rejection that nobody handles, since stock waits forever for a data file that it could not read. */
async function orUnhandled<T>(work: Promise<T>): Promise<T> {
  let listener: (event: PromiseRejectionEvent) => void = () => undefined;
  const unhandled = new Promise<never>((_, reject) => {
    listener = ({ reason }) => reject(reason instanceof Error ? reason : new Error(String(reason)));
  });
  self.addEventListener('unhandledrejection', listener);
  try {
    return await Promise.race([work, unhandled]);
  } finally {
    self.removeEventListener('unhandledrejection', listener);
  }
}

/** Adds up how long each of the model's sessions runs. */
function timeSessions(model: object): { readonly ran: Map<string, number> } {
  const ran = new Map<string, number>();
  const { sessions } = model as {
    readonly sessions: Record<string, { run: (...args: unknown[]) => Promise<unknown> }>;
  };
  for (const [name, session] of Object.entries(sessions)) {
    const run = session.run.bind(session);
    session.run = async (...args) => {
      const start = performance.now();
      try {
        return await run(...args);
      } finally {
        ran.set(name, (ran.get(name) ?? 0) + performance.now() - start);
      }
    };
  }
  return { ran };
}

/** Visual tokens of a picture. */
function tokensOf(patches: Patches | undefined): number {
  const [frames = 0n, rows = 0n, columns = 0n] = patches?.grid ?? [];
  return Number(frames * rows * columns) / 4;
}

/** All patches, one picture behind the other. */
function joined(parts: readonly Float32Array[]): Tensor {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new Tensor('float32', all, [all.length / PATCH_VALUES, PATCH_VALUES]);
}

/** Numbers of a patch: 3 colours, 2 frames, 14 by 14 pixels. */
const PATCH_VALUES = 1176;

/** The picture at half width and height, as round 1 shows it. */
async function halved(image: RawImage): Promise<RawImage> {
  return image.resize(Math.max(1, image.width >> 1), Math.max(1, image.height >> 1), { resample: LANCZOS });
}
