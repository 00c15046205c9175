/** The worker's side of EngineApi: picks the backend, loads the folder, decodes images, hands the rest to the engine. */
import { Engine } from '../src/conversation/engine.ts';
import { createWebImageDecoder } from '../src/io/web/web-image-decoder.ts';
import type { Manifest } from '../src/model/manifest.ts';
import type { ModelFolder } from '../src/architectures/model-folder.ts';
import type { Candidate, OpenedBackend } from '../src/backends/backend-host.ts';
import { backendOptions, planBackends } from '../src/backends/registry.ts';
import { FAILURE_REPORT_MS, failureWithin } from '../src/backends/webgpu/gpu/device-failure.ts';
import type { Diagnostics } from '../src/protocol/diagnostics.ts';
import type { Experiment } from '../src/protocol/bench-api.ts';
import type { ChatContext } from '../src/protocol/chat.ts';
import type {
  AddedImage,
  BackendChoice,
  BackendOption,
  EngineApi,
  EngineInfo,
  ImageInfo,
  ModelSource,
} from '../src/protocol/engine-api.ts';
import type { LoadEvent, TurnEvent } from '../src/protocol/events.ts';
import type { SizeLimits, TurnResult, TurnSettings } from '../src/protocol/turn.ts';
import { isNamed, messageOf, NamedError } from '../src/shared/errors.ts';
import { pause } from '../src/shared/pause.ts';
import { BackendDiagnostics } from './diagnostics.ts';
import { FolderLoader } from './folder-loader.ts';

/** The app's own choice. */
export const APP_EXPERIMENT: Experiment = { kernels: null, tuning: '' };

/** Implements the worker's interface. */
export class EngineHost implements EngineApi {
  readonly #experiment: () => Experiment;
  readonly #decoder = createWebImageDecoder();
  #engine: Engine | null = null;
  #opened: OpenedBackend | null = null;
  #diagnostics: BackendDiagnostics | null = null;
  #folders: FolderLoader | null = null;

  /** `experiment`: what a benchmark wants other than the app, at the time of a load. */
  constructor(experiment: () => Experiment = () => APP_EXPERIMENT) {
    this.#experiment = experiment;
  }

  async backends(): Promise<readonly BackendOption[]> {
    return backendOptions();
  }

  /** The backend that runs; null before a model is loaded. */
  get opened(): OpenedBackend | null {
    return this.#opened;
  }

  async load(source: ModelSource, backend: BackendChoice, onEvent: (event: LoadEvent) => void): Promise<EngineInfo> {
    const start = performance.now();
    await this.#engine?.dispose();
    this.#engine = null;
    this.#opened = null;
    this.#diagnostics = null;
    onEvent({ type: 'loadProgress', phase: 'probe', loaded: 0, total: 1, detail: '' });
    this.#folders?.release();
    const folders = new FolderLoader(onEvent);
    this.#folders = folders;
    const manifest = await folders.manifest(source);
    try {
      const info = await this.#start(manifest, folders, backend);
      return { ...info, loadMs: performance.now() - start };
    } finally {
      folders.rest();
    }
  }

  /** Starts the first candidate that can be started. */
  async #start(manifest: Manifest, folders: FolderLoader, backend: BackendChoice): Promise<Omit<EngineInfo, 'loadMs'>> {
    const { candidates, reasons } = await planBackends({ ...this.#experiment(), manifest, choice: backend });
    const notes = new Set(reasons);
    for (const candidate of candidates) {
      const folder = await folders.open(manifest, candidate.variant);
      try {
        const { engine, opened } = await startEngine(folder, candidate, (event) => folders.report(event));
        this.#engine = engine;
        this.#opened = opened;
        this.#diagnostics = new BackendDiagnostics(opened);
        for (const note of candidate.notes) notes.add(note);
        notes.add(`Running on ${candidate.label}.`);
        for (const note of opened.backend.notes()) notes.add(note);
        return {
          backend: { ...candidate.info, implementation: candidate.implementation, reasons: [...notes] },
          model: engine.info,
        };
      } catch (thrown) {
        if (isNamed(thrown, 'ModelFolderError')) throw thrown;
        for (const note of candidate.notes) notes.add(note);
        notes.add(`${candidate.label} failed: ${messageOf(thrown)}`);
      }
    }
    throw new NamedError(
      'RuntimeUnavailableError',
      `${manifest.name} could not be started. ${[...notes].join(' ')} Reload the page, update the browser, or choose a smaller model.`,
    );
  }

  async setImage(file: Blob): Promise<ImageInfo> {
    const engine = this.#loaded();
    const image = await this.#decoder.decode(file);
    return engine.setImage(image, engine.info.defaultPixelBudget);
  }

  async addImage(file: Blob): Promise<AddedImage> {
    const engine = this.#loaded();
    const image = await this.#decoder.decode(file);
    return engine.addImage(image, engine.info.defaultPixelBudget);
  }

  async planImage(limits: SizeLimits): Promise<ImageInfo> {
    const engine = this.#loaded();
    return engine.planImage(withDefaultBudget(engine, limits));
  }

  async prefetch(settings: TurnSettings, chat?: ChatContext): Promise<void> {
    const engine = this.#engine;
    if (engine === null) return;
    await engine.prefetch(withDefaultBudget(engine, settings), chat);
  }

  async ask(
    question: string,
    settings: TurnSettings,
    onEvent: (event: TurnEvent) => void,
    chat?: ChatContext,
  ): Promise<TurnResult> {
    const ask = (engine: Engine): Promise<TurnResult> =>
      engine.ask(question, withDefaultBudget(engine, settings), onEvent, { chat });
    return this.run((engine) => this.#diagnostics?.run(() => ask(engine)) ?? ask(engine));
  }

  async newChat(): Promise<void> {
    await this.#engine?.newChat();
  }

  async resetCaches(): Promise<void> {
    await this.#loaded().resetCaches();
  }

  /**
   * Gives `work` the engine. Throws what it throws, ModelNotLoadedError, and DeviceLostError or RuntimeCrashedError where the
   * device or the runtime is the reason.
   */
  async run<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    const engine = this.#loaded();
    const lost = (this.#opened?.failure ?? new Promise<string>(() => undefined)).then((why) => {
      throw new NamedError(
        'DeviceLostError',
        `The graphics device ${why} Ask again once the model has been loaded again.`,
      );
    });
    lost.catch(() => undefined);
    try {
      return await Promise.race([work(engine), lost]);
    } catch (thrown) {
      if (thrown instanceof NamedError) throw thrown;
      // Work in flight on a failing device throws errors of its own, perhaps before the device's failure is reported.
      await Promise.race([lost, pause(FAILURE_REPORT_MS)]);
      if (!(thrown instanceof WebAssembly.RuntimeError)) throw thrown;
      throw new NamedError(
        'RuntimeCrashedError',
        `The runtime has crashed (${thrown.message}) and can compute nothing more. Ask again once the model has been loaded again.`,
        { cause: thrown },
      );
    }
  }

  async stop(): Promise<void> {
    await this.#engine?.stop();
  }

  async diagnose(): Promise<Diagnostics | null> {
    return this.#diagnostics?.report() ?? null;
  }

  async setKernelTiming(on: boolean): Promise<void> {
    this.#diagnostics?.setTiming(on);
  }

  #loaded(): Engine {
    if (this.#engine === null) {
      throw new NamedError('ModelNotLoadedError', 'No model is loaded yet. Wait until the engine is ready.');
    }
    return this.#engine;
  }
}

/**
 * Opens a candidate's backend and warms an engine up on it. Throws what either throws, and RuntimeUnavailableError when the
 * device failed meanwhile, which is then the cause of whatever else went wrong; nothing of the engine is left.
 */
async function startEngine(
  folder: ModelFolder,
  candidate: Candidate,
  onEvent: (event: LoadEvent) => void,
): Promise<{ readonly engine: Engine; readonly opened: OpenedBackend }> {
  const opened = await candidate.open(folder, onEvent);
  const { backend, failure } = opened;
  const engine = new Engine({ folder, backend });
  try {
    onEvent({ type: 'loadProgress', phase: 'warmUp', loaded: 0, total: 1, detail: 'a first small question' });
    await engine.warmUp();
    const failed = await failureWithin(failure, 0);
    if (failed !== null) throw failed;
    return { engine, opened };
  } catch (thrown) {
    const failed = await failureWithin(failure, FAILURE_REPORT_MS); // before the device is destroyed, which looks like its loss
    await engine.dispose();
    throw failed ?? thrown;
  }
}

/** The settings with the model's own pixel budget where they name none. */
export function withDefaultBudget<Settings extends SizeLimits>(engine: Engine, settings: Settings): Settings {
  return { ...settings, pixelBudget: settings.pixelBudget ?? engine.info.defaultPixelBudget };
}
