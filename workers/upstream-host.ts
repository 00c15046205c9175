/**
 * Unmodified transformers.js as one of the engines that are compared: its own image processor, tokenizer, onnxruntime and
 * generate(), used as its documentation shows. This host adds what it lacks, as a user would: VisionThink's two rounds; and
 * it processes two images of different sizes, on which upstream's processor throws, separately and concatenates the patches.
 */
import { fillerQuestion } from '../src/evaluation/filler-text.ts';
import {
  type EngineUnderTestApi,
  type LoadedEngine,
  type MemoryUse,
  ON_CPU,
  type Probe,
  type Sample,
} from '../src/protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../src/protocol/engine-api.ts';
import { pause } from '../src/shared/pause.ts';
import { countGpu, perStep } from './gpu-counts.ts';
import {
  END_OF_TURN,
  type Generated,
  halved,
  type Picture,
  qwenProcessor,
  readPicture,
  upstreamName,
  UpstreamModel,
  tokensOf,
} from './upstream-model.ts';

const TOOL_CALL = '<tool_call>';
/** Implements the interface of an engine under test. */
export class UpstreamHost implements EngineUnderTestApi {
  readonly #memory: () => MemoryUse;
  readonly #pictures = new Map<string, Picture>();
  #model: UpstreamModel | null = null;

  /** `memory` reports what this worker uses. */
  constructor(memory: () => MemoryUse) {
    this.#memory = memory;
  }

  async load(source: FolderSource, backend: BackendChoice, onProgress: (doing: string) => void): Promise<LoadedEngine> {
    const start = performance.now();
    const device = backend === ON_CPU ? ON_CPU : 'webgpu';
    onProgress('upstream sessions');
    const model = await UpstreamModel.load(source, device);
    this.#model = model;
    return {
      engine: upstreamName(device),
      backend: device,
      adapter: '',
      reasons: [],
      model: source.kind === 'files' ? source.name : (source.url.split('/').filter(Boolean).at(-1) ?? source.url),
      dtype: model.dtype,
      loadMs: performance.now() - start,
      memory: this.#memory(),
    };
  }

  async addPicture(name: string, file: Blob): Promise<void> {
    this.#pictures.set(name, await readPicture(file));
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
    const model = this.#ready();
    const steps = probe.newTokens;
    const question = fillerQuestion(
      probe,
      model.contextLength,
      (text) => model.tokenizer.encode(text, { add_special_tokens: false }).length,
    );
    const patches = await model.process(this.#picture(probe.picture));
    const prompt = model.firstRound(question, false);
    const run = (): Promise<Generated> => model.generate(prompt, [patches], { max: steps + 1, min: steps + 1 });
    const counted = probe.profile === true ? await countGpu(run) : { result: await run(), counts: null };
    const { at, promptTokens } = counted.result;
    return {
      ms: ((at.at(-1) ?? 0) - (at[0] ?? 0)) / steps,
      details: {
        cachedTokens: promptTokens,
        ...(counted.counts === null ? {} : perStep(counted.counts, steps + 1)), // the prefill cannot be counted apart
      },
    };
  }

  async #imageTurn({ picture, question }: Probe & { kind: 'imageTurn' }): Promise<Sample> {
    const model = this.#ready();
    const start = performance.now();
    const patches = await model.process(this.#picture(picture));
    const preprocessMs = performance.now() - start;
    const generated = await model.generate(model.firstRound(question, false), [patches], { max: 1 });
    const { encodeMs, modelMs, promptTokens } = generated;
    return {
      ms: modelMs,
      details: { preprocessMs, encodeMs, prefillMs: modelMs - encodeMs, promptTokens, visualTokens: tokensOf(patches) },
    };
  }

  async #round2({ picture, question, toolCall }: Probe & { kind: 'round2' }): Promise<Sample> {
    const model = this.#ready();
    const image = this.#picture(picture);
    const half = await model.process(await halved(image)); // not timed: round 1 has already done this
    const start = performance.now();
    const full = await model.process(image);
    const preprocessMs = performance.now() - start;
    const prompt = model.firstRound(question, true) + toolCall + END_OF_TURN + model.toolResponse(question);
    const { promptTokens, encodeMs, at } = await model.generate(prompt, [half, full], { max: 1 });
    return {
      ms: preprocessMs + (at[0] ?? 0),
      details: { preprocessMs, encodeMs, promptTokens, computedTokens: promptTokens },
    };
  }

  async #firstToken({ picture, question, chosenMs }: Probe & { kind: 'firstToken' }): Promise<Sample> {
    const model = this.#ready();
    const image = this.#picture(picture);
    await pause(chosenMs); // our engine waits here too: an idle device lowers its clocks
    const start = performance.now();
    const patches = await model.process(await halved(image));
    const preprocessMs = performance.now() - start;
    const { at } = await model.generate(model.firstRound(question, true), [patches], { max: 1 });
    return { ms: preprocessMs + (at[0] ?? 0), details: { preprocessMs } };
  }

  async #preprocess({ picture }: Probe & { kind: 'preprocess' }): Promise<Sample> {
    const image = this.#picture(picture);
    const processor = qwenProcessor();
    const start = performance.now();
    const { pixel_values } = await processor([image]);
    return { ms: performance.now() - start, details: { values: pixel_values.size } };
  }

  async #answer({ picture, question, maxNewTokens }: Probe & { kind: 'answer' }): Promise<Sample> {
    const model = this.#ready();
    const image = this.#picture(picture);
    const start = performance.now();
    const images = [await model.process(await halved(image))];
    let prompt = model.firstRound(question, true);
    let text = '';
    let preprocessMs = performance.now() - start;
    let [newTokens, encodeMs, modelMs] = [0, 0, 0];
    for (const round of [1, 2]) {
      const generated = await model.generate(prompt, images, { max: maxNewTokens });
      const { ids } = generated;
      newTokens += ids.length;
      encodeMs += generated.encodeMs;
      modelMs += generated.modelMs;
      text = model.tokenizer.decode([...ids], { skip_special_tokens: false });
      if (round === 2 || !text.includes(TOOL_CALL)) break;
      const full = performance.now();
      images.push(await model.process(image));
      preprocessMs += performance.now() - full;
      prompt += (text.endsWith(END_OF_TURN) ? text : text + END_OF_TURN) + model.toolResponse(question);
    }
    const ms = performance.now() - start;
    const answer = /<answer>([\s\S]*?)<\/answer>/.exec(text)?.[1]?.trim() ?? text.replace(END_OF_TURN, '').trim();
    return { ms, answer, details: { rounds: images.length, newTokens, preprocessMs, encodeMs, modelMs } };
  }

  #ready(): UpstreamModel {
    if (this.#model === null) throw new Error('no model is loaded');
    return this.#model;
  }

  #picture(name: string): Picture {
    const picture = this.#pictures.get(name);
    if (picture === undefined) throw new Error(`there is no picture "${name}"`);
    return picture;
  }
}
