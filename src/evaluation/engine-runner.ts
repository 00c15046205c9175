/** One engine of a benchmark: its worker, and how it is loaded, measured and loaded again. */
import type { EngineName, EngineUnderTestApi, LoadedEngine, Probe, Sample } from '../protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../protocol/engine-api.ts';
import { messageOf } from '../shared/errors.ts';
import { type EngineReport, STOPPED } from './bench-report.ts';
import type { BenchPlan } from './plan.ts';

/** The number of times a failed engine is loaded again. */
const MAX_RELOADS = 4;

/** An engine in a worker of its own. */
export interface EngineUnderTest {
  readonly api: EngineUnderTestApi;
  /** Rejects when the worker dies. */
  readonly crashed: Promise<never>;
  /** Ends the worker at once. */
  dispose(): void;
}

/** A runner's dependencies. */
interface RunnerOptions {
  readonly name: EngineName;
  /** Starts the engine's worker. */
  readonly connect: () => EngineUnderTest;
  readonly source: FolderSource;
  readonly backend: BackendChoice;
  readonly plan: BenchPlan;
  /** Aborts the measurement in progress. */
  readonly signal: AbortSignal;
}

/**
 * Runs one engine: loads it, measures it, and after a failure ends its worker and loads it again. Upstream needs that: one
 * failed run makes every later one fail with the same error.
 */
export class EngineRunner {
  readonly name: EngineName;
  readonly #options: RunnerOptions;
  readonly #shown = new Set<string>();
  #engine: EngineUnderTest | null = null;
  #loadError: string | null = null;
  #loads = 0;

  constructor(options: RunnerOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Starts the worker and loads the model; says why when that fails. */
  async load(onProgress: (doing: string) => void): Promise<EngineReport> {
    this.#loads++;
    this.#engine = this.#options.connect();
    try {
      const { source, backend, plan } = this.#options;
      const experiment = { kernels: plan.kernels, tuning: plan.tuning };
      const loaded: LoadedEngine = await this.#call((api) => api.load(source, backend, onProgress, experiment));
      return { loaded: true, ...loaded };
    } catch (thrown) {
      this.dispose();
      this.#loadError = messageOf(thrown);
      return { loaded: false, error: this.#loadError };
    }
  }

  /** Reloads the engine if it was ended. Throws when it cannot be loaded. */
  async ready(): Promise<void> {
    if (this.#engine !== null) return;
    if (this.#loadError === null && this.#loads <= MAX_RELOADS) await this.load(() => undefined);
    if (this.#engine !== null) return;
    // The report already says why a first load failed.
    if (this.#loads === 1) throw new Error('not loaded');
    throw new Error(`not loaded again: ${this.#loadError ?? 'it had to be ended too often'}`);
  }

  /** Gives the engine a picture, once. */
  async show(name: string, file: Blob): Promise<void> {
    if (this.#shown.has(name)) return;
    await this.#call((api) => api.addPicture(name, file));
    this.#shown.add(name);
  }

  measure(probe: Probe): Promise<Sample> {
    return this.#call((api) => api.measure(probe));
  }

  memory(): ReturnType<EngineUnderTestApi['memory']> {
    return this.#call((api) => api.memory());
  }

  dispose(): void {
    this.#engine?.dispose();
    this.#engine = null;
    this.#shown.clear();
  }

  /** A call within its limit; the engine is ended when it fails. */
  async #call<T>(work: (api: EngineUnderTestApi) => Promise<T>): Promise<T> {
    const engine = this.#engine;
    if (engine === null) throw new Error('not loaded');
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onStop: () => void = () => undefined;
    const limit = new Promise<never>((_, reject) => {
      const { limitSeconds } = this.#options.plan;
      timer = setTimeout(() => reject(new Error(`took longer than ${limitSeconds} s`)), limitSeconds * 1000);
      onStop = () => reject(new Error(STOPPED));
      this.#options.signal.addEventListener('abort', onStop, { once: true });
    });
    try {
      return await Promise.race([work(engine.api), limit, engine.crashed]);
    } catch (thrown) {
      this.dispose();
      throw thrown;
    } finally {
      clearTimeout(timer);
      this.#options.signal.removeEventListener('abort', onStop);
    }
  }
}
