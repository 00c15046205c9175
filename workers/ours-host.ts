/** Our engine as one of those that are compared: the worker's own host, asked one probe at a time. */
import type { AskOptions } from '../src/conversation/engine.ts';
import { fillerQuestion } from '../src/evaluation/filler-text.ts';
import { sayInRound1 } from '../src/evaluation/given-text.ts';
import { prepareView } from '../src/image/image-request.ts';
import { fileListFolder } from '../src/io/web/file-list-folder.ts';
import { urlFolder } from '../src/io/web/url-folder.ts';
import { createWebImageDecoder } from '../src/io/web/web-image-decoder.ts';
import type { KernelProbe } from '../src/backends/backend-host.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../src/architectures/qwen2_5_vl/image-processor.ts';
import { Tokenizer } from '../src/model/tokenizer.ts';
import type {
  EngineUnderTestApi,
  Experiment,
  LoadedEngine,
  MemoryUse,
  Probe,
  Sample,
} from '../src/protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../src/protocol/engine-api.ts';
import type { LoadEvent } from '../src/protocol/events.ts';
import {
  DEFAULT_SETTINGS,
  MODE_SWITCHES,
  type RoundTimings,
  type TurnResult,
  type TurnSettings,
} from '../src/protocol/turn.ts';
import { fullOf } from '../src/shared/image-request.ts';
import { tryParseJson } from '../src/shared/json.ts';
import { pause } from '../src/shared/pause.ts';
import { type DecodeSteps, decodeSteps } from './decode-steps.ts';
import { APP_EXPERIMENT, EngineHost, withDefaultBudget } from './engine-host.ts';
import { countGpu, perStep } from './gpu-counts.ts';

const ignore = (): void => undefined;

/**
 * Warm-up steps before the measured ones. Upstream's follow a prefill of their own; ours find the prompt cached, and would
 * start on a device whose clock is low.
 */
const SETTLING_STEPS = 32;

/** Implements the interface of an engine under test. */
export class OursHost implements EngineUnderTestApi {
  /** The app's defaults, unless a benchmark overrides kernels or sizes. */
  #experiment: Experiment = APP_EXPERIMENT;
  readonly #host = new EngineHost(() => this.#experiment);
  readonly #memory: () => MemoryUse;
  readonly #pictures = new Map<string, Blob>();
  /** The picture the engine holds. */
  #current: string | null = null;
  #tokenizer: Tokenizer | null = null;
  #contextLength = 0;

  /** `memory` reports what this worker uses. */
  constructor(memory: () => MemoryUse) {
    this.#memory = memory;
  }

  async load(
    source: FolderSource,
    backend: BackendChoice,
    onProgress: (doing: string) => void,
    experiment: Experiment,
  ): Promise<LoadedEngine> {
    this.#current = null;
    const onEvent = ({ phase, detail }: LoadEvent): void => onProgress(`${phase} ${detail}`);
    this.#experiment = experiment;
    const loaded = await this.#host.load(source, backend, onEvent);
    const { backend: runs, implementation, summary, activations, adapter, reasons } = loaded.backend;
    // An experiment that fell back must not pass for one.
    if (experiment.kernels !== null && implementation !== experiment.kernels) {
      onProgress(`without the kernels ${experiment.kernels}: ${reasons.join(' ')}`);
    }
    this.#tokenizer = await openTokenizer(source);
    this.#contextLength = loaded.model.contextLength;
    return {
      engine: `this app (${summary}, ${activations})`,
      backend: runs,
      adapter,
      reasons,
      model: loaded.model.name,
      dtype: loaded.model.dtype,
      loadMs: loaded.loadMs,
      memory: this.#memory(),
    };
  }

  async addPicture(name: string, file: Blob): Promise<void> {
    this.#pictures.set(name, file);
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
    await this.#show(probe.picture);
    const steps = probe.newTokens;
    const count = (text: string): number => this.#tokenizer?.encode(text).length ?? 0;
    const question = fillerQuestion(probe, this.#contextLength, count);
    const settings = { ...DEFAULT_SETTINGS, ...MODE_SWITCHES.full };
    const decode = (count: number): Promise<DecodeSteps> =>
      this.#host.run((engine) =>
        decodeSteps({ engine, question, settings: withDefaultBudget(engine, settings), steps: count }),
      );
    await decode(Math.min(SETTLING_STEPS, steps));
    const measured = (): Promise<DecodeSteps> => decode(steps);
    const counted = probe.profile === true ? await countGpu(measured) : { result: await measured(), counts: null };
    // Timed apart: timing puts every kernel into a pass of its own.
    const kernelTimes = probe.profile === true ? await timeKernels(this.#host.opened?.kernels, measured) : {};
    return {
      ms: counted.result.decodeMs / steps,
      details: {
        cachedTokens: counted.result.promptTokens,
        ...(counted.counts === null ? {} : perStep(counted.counts, steps)),
        ...kernelTimes,
      },
    };
  }

  async #imageTurn({ picture, question, profile }: Probe & { kind: 'imageTurn' }): Promise<Sample> {
    await this.#show(picture);
    const ask = async (): Promise<TurnResult> => {
      await this.#host.resetCaches();
      return this.#ask(question, { ...MODE_SWITCHES.full, maxNewTokens: 1 });
    };
    const turn = await ask();
    const kernelTimes = profile === true ? await timeKernels(this.#host.opened?.kernels, ask) : {};
    const [round] = turn.rounds;
    if (round === undefined) throw new Error('the turn has no round');
    const { preprocessMs, encodeMs, prefillMs } = round.timings;
    const { promptTokens, visualTokens } = round;
    return {
      ms: encodeMs + prefillMs,
      details: { preprocessMs, encodeMs, prefillMs, promptTokens, visualTokens, ...kernelTimes },
    };
  }

  async #round2({ picture, question, toolCall }: Probe & { kind: 'round2' }): Promise<Sample> {
    await this.#show(picture);
    await this.#host.resetCaches();
    const { rounds } = await this.#ask(question, { ...MODE_SWITCHES.smart, maxNewTokens: 1 }, sayInRound1(toolCall));
    const round = rounds[1];
    if (round === undefined) throw new Error('the tool call led to no second round');
    const { preprocessMs, encodeMs, prefillMs } = round.timings;
    const { promptTokens, computedTokens, recomputedTokens } = round;
    return {
      ms: preprocessMs + encodeMs + prefillMs,
      details: { preprocessMs, encodeMs, prefillMs, promptTokens, computedTokens, recomputedTokens },
    };
  }

  async #firstToken(probe: Probe & { kind: 'firstToken' }): Promise<Sample> {
    const { picture, question, chosenMs, prefetch } = probe;
    const settings = { ...DEFAULT_SETTINGS, maxNewTokens: 1 };
    /** Chooses the picture, waits, and returns how much of the wait the engine used. */
    const choose = async (): Promise<number> => {
      this.#current = null; // choose it anew: the engine must have computed nothing of it
      await this.#show(picture);
      if (!prefetch) await this.#host.resetCaches();
      const start = performance.now();
      let workedMs = prefetch ? chosenMs : 0;
      if (prefetch) void this.#host.prefetch(settings).then(() => (workedMs = performance.now() - start));
      await pause(chosenMs);
      return workedMs;
    };
    const ask = (): Promise<TurnResult> => this.#host.ask(question, settings, ignore);
    const prefetchMs = await choose();
    const { ttftMs, rounds } = await ask();
    if (ttftMs === null) throw new Error('the turn gave no token');
    const profile: Record<string, number> = {};
    if (probe.profile === true) {
      await choose();
      Object.assign(profile, (await countGpu(ask)).counts);
      await choose();
      Object.assign(profile, await timeKernels(this.#host.opened?.kernels, ask));
    }
    const { computedTokens = 0, promptTokens = 0 } = rounds[0] ?? {};
    return { ms: ttftMs, details: { ...(prefetch ? { prefetchMs } : {}), promptTokens, computedTokens, ...profile } };
  }

  async #preprocess({ picture }: Probe & { kind: 'preprocess' }): Promise<Sample> {
    const image = await createWebImageDecoder().decode(this.#file(picture));
    const start = performance.now();
    const limits = { processor: DEFAULT_PROCESSOR_SETTINGS, pixelBudget: null };
    const pixelValues = prepareView(image, fullOf(0), limits).pixelValues();
    return { ms: performance.now() - start, details: { values: pixelValues.length } };
  }

  async #answer({ picture, question, maxNewTokens }: Probe & { kind: 'answer' }): Promise<Sample> {
    this.#current = null;
    await this.#show(picture);
    const { answer, rounds, totalMs } = await this.#ask(question, { maxNewTokens });
    const newTokens = rounds.reduce((sum, { tokenIds }) => sum + tokenIds.length, 0);
    const sum = (stage: keyof RoundTimings): number => rounds.reduce((ms, { timings }) => ms + timings[stage], 0);
    const preprocessMs = sum('preprocessMs');
    const [encodeMs, prefillMs, decodeMs] = [sum('encodeMs'), sum('prefillMs'), sum('decodeMs')];
    const details = { rounds: rounds.length, newTokens, preprocessMs, encodeMs, prefillMs, decodeMs };
    return { ms: totalMs, answer, details };
  }

  #ask(question: string, settings: Partial<TurnSettings>, options: AskOptions = {}): Promise<TurnResult> {
    return this.#host.run((engine) =>
      engine.ask(question, withDefaultBudget(engine, { ...DEFAULT_SETTINGS, ...settings }), ignore, options),
    );
  }

  async #show(picture: string): Promise<void> {
    if (this.#current === picture) return;
    await this.#host.setImage(this.#file(picture));
    this.#current = picture;
  }

  #file(picture: string): Blob {
    const file = this.#pictures.get(picture);
    if (file === undefined) throw new Error(`there is no picture "${picture}"`);
    return file;
  }
}

/** Dispatches and mean GPU time of each kind of kernel while `work` runs; nothing where there are no timestamps or kernels of ours. */
async function timeKernels(
  kernels: KernelProbe | undefined,
  work: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const details: Record<string, number> = {};
  const { times } = (await kernels?.time(work)) ?? { times: new Map() };
  for (const [label, { dispatches, ms }] of times) {
    details[`${label}: dispatches`] = dispatches;
    details[`${label}: meanUs`] = (ms * 1000) / dispatches;
  }
  return details;
}

async function openTokenizer(source: FolderSource): Promise<Tokenizer> {
  const folder =
    source.kind === 'files' ? fileListFolder(source.name, source.files) : urlFolder(source.url, self.location.href);
  const json = async (path: string): Promise<unknown> => tryParseJson((await (await folder.blob(path))?.text()) ?? '');
  return new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json'));
}
