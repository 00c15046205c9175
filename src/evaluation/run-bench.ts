/**
 * Runs a plan: loads one engine after the other, then measures everything in turn, the engines alternating, so that a
 * machine which grows slower harms both. Whatever goes wrong is a result of the engine it happened to, never the run's end.
 */
import type { ContestantApi, EngineName, LoadedEngine, Probe, Sample } from '../protocol/bench-api.ts';
import type { BackendChoice, FolderSource } from '../protocol/engine-api.ts';
import { messageOf } from '../shared/errors.ts';
import { type BenchReport, type Cell, cellOf, type EngineReport, type Row, rowOf, STOPPED } from './bench-report.ts';
import { withVerdicts } from './goals.ts';
import { type BenchQuestion, type InventedPicture, type Measurement, MEASUREMENTS } from './measurements.ts';
import { type BenchPlan, planToSearch } from './plan.ts';

/** An engine in a worker of its own. */
export interface Contestant {
  readonly api: ContestantApi;
  /** Rejects when the worker dies. */
  readonly crashed: Promise<never>;
  /** Ends the worker at once. */
  dispose(): void;
}

/** What a run needs of the page it runs on. */
export interface BenchWorld {
  readonly userAgent: string;
  /** Starts an engine's worker. */
  connect(engine: EngineName): Contestant;
  /** The model of the plan: the same files for both engines. */
  model(plan: BenchPlan): Promise<FolderSource>;
  /** Draws a picture. */
  invent(picture: InventedPicture): Promise<Blob>;
  /** Resolves after so many milliseconds, or when the signal fires. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
  /** Questions about pictures of the site, and these. */
  questions(): Promise<{ readonly list: readonly BenchQuestion[]; readonly pictures: ReadonlyMap<string, Blob> }>;
}

/** What a run tells while it goes on. */
export type BenchEvent =
  | { readonly type: 'doing'; readonly text: string; readonly done: number; readonly total: number }
  | { readonly type: 'engine'; readonly name: EngineName; readonly engine: EngineReport }
  | { readonly type: 'row'; readonly row: Row };

/**
 * Rest before decode steps are measured in turn. Stock has gigabytes to give back after a prefill of thousands of tokens, which the
 * browser does for about a second, and the next engine's steps would pay for it: 12 % (docs/log.md). Milliseconds.
 */
const REST_MS = 3000;

/** Questions before memory is looked at first: everything that is made once has been made. */
const SETTLED_AFTER = 10;

/** An engine that had to be ended is loaded again so often. */
const MAX_RELOADS = 4;

/** Runs a plan to its end, or until `signal` fires. Never throws but for a model that nobody can have. */
export async function runBench(
  plan: BenchPlan,
  world: BenchWorld,
  onEvent: (event: BenchEvent) => void,
  signal: AbortSignal,
): Promise<BenchReport> {
  return new BenchRun(plan, world, onEvent, signal).run();
}

class BenchRun {
  readonly #plan: BenchPlan;
  readonly #world: BenchWorld;
  readonly #onEvent: (event: BenchEvent) => void;
  readonly #signal: AbortSignal;
  readonly #start = performance.now();
  readonly #startedAt = new Date().toISOString();
  readonly #engines: Partial<Record<EngineName, EngineReport>> = {};
  readonly #pictures = new Map<string, Blob>();
  readonly #measurements: readonly Measurement[];
  #questions: readonly BenchQuestion[] = [];
  #done = 0;

  constructor(plan: BenchPlan, world: BenchWorld, onEvent: (event: BenchEvent) => void, signal: AbortSignal) {
    this.#plan = plan;
    this.#world = world;
    this.#onEvent = onEvent;
    this.#signal = signal;
    this.#measurements = MEASUREMENTS.filter(({ id }) => plan.only.includes(id));
  }

  async run(): Promise<BenchReport> {
    // 1. The model and the pictures.
    this.#say('the model');
    const source = await this.#world.model(this.#plan);
    for (const picture of this.#measurements.flatMap(({ pictures }) => pictures)) {
      if (!this.#pictures.has(picture.name)) this.#pictures.set(picture.name, await this.#world.invent(picture));
    }
    if (this.#measurements.some(({ id }) => id === 'answers')) {
      const { list, pictures } = await this.#world.questions();
      this.#questions = list;
      for (const [name, file] of pictures) this.#pictures.set(name, file);
    }

    // 2. The engines, one after the other.
    const lanes: Lane[] = [];
    let { backend } = this.#plan;
    for (const name of this.#plan.engines) {
      const lane = new Lane(name, this.#world, source, backend, this.#plan, this.#signal);
      lanes.push(lane);
      if (this.#over) continue;
      this.#say(`${label(name)}: loading`);
      const engine = await lane.load((doing) => this.#say(`${label(name)}: ${doing}`));
      if (engine.loaded) ({ backend } = engine); // whoever comes next runs where the first one does
      this.#engines[name] = engine;
      this.#onEvent({ type: 'engine', name, engine });
      this.#done++;
    }

    // 3. Everything in turn.
    const rows: Row[] = [];
    for (const measurement of this.#measurements) {
      if (this.#over) break;
      const row = await this.#measure(measurement, lanes);
      this.#done++;
      rows.push(row);
      this.#onEvent({ type: 'row', row });
    }
    for (const lane of lanes) lane.dispose();
    return withVerdicts({
      version: 1,
      startedAt: this.#startedAt,
      seconds: (performance.now() - this.#start) / 1000,
      userAgent: this.#world.userAgent,
      parameters: planToSearch(this.#plan).toString(),
      repeat: this.#plan.repeat,
      engines: this.#engines,
      rows,
      complete: rows.length === this.#measurements.length && !this.#over,
    });
  }

  get #over(): boolean {
    return this.#signal.aborted || performance.now() - this.#start > this.#plan.totalSeconds * 1000;
  }

  #say(text: string): void {
    const total = this.#plan.engines.length + this.#measurements.length;
    this.#onEvent({ type: 'doing', text, done: this.#done, total });
  }

  async #measure(measurement: Measurement, lanes: readonly Lane[]): Promise<Row> {
    const { id, title, engines, kind, pictures, once } = measurement;
    const probes = measurement.probes({ steps: this.#plan.steps, questions: this.#questions });
    const entrants = lanes
      .filter(({ name }) => engines.includes(name))
      .map((lane) => ({ lane, samples: [] as Sample[], error: null as string | null, extra: {} }));
    const needed = new Set([...pictures.map(({ name }) => name), ...probes.flatMap((probe) => probe.picture)]);

    /** Does something with every engine that has not failed yet. */
    const each = async (what: string, work: (entrant: (typeof entrants)[number]) => Promise<void>): Promise<void> => {
      for (const entrant of entrants) {
        if (entrant.error !== null || this.#over) continue;
        this.#say(`${title}, ${label(entrant.lane.name)}: ${what}`);
        try {
          await work(entrant);
        } catch (thrown) {
          entrant.error = messageOf(thrown);
        }
      }
    };
    await each('warming up', async ({ lane }) => {
      await lane.ready();
      for (const name of needed) await lane.show(name, this.#pictures.get(name) ?? new Blob());
      const [first] = probes;
      if (first !== undefined) await lane.measure(first);
    });
    if (kind === 'growth') {
      await each('asking', async (entrant) => {
        entrant.extra = await this.#growth(entrant.lane, probes, entrant.samples);
      });
    } else {
      const order = Array.from({ length: once === true ? 1 : this.#plan.repeat }, () => probes).flat();
      for (const [i, probe] of order.entries()) {
        await each(`${i + 1} of ${order.length}`, async ({ lane, samples }) => {
          const inTurn = entrants.filter(({ error }) => error === null).length > 1;
          if (probe.kind === 'decode' && inTurn) await this.#world.rest(REST_MS, this.#signal);
          samples.push(await lane.measure(probe));
        });
      }
    }
    const cell = (name: EngineName): Cell | null => {
      const entrant = entrants.find(({ lane }) => lane.name === name);
      if (entrant === undefined) return null;
      const found = cellOf(entrant.samples, entrant.error);
      return { ...found, details: { ...found.details, ...entrant.extra } };
    };
    return rowOf(id, title, cell('ours'), cell('stock'));
  }

  /** Asks the probes in turn, and compares memory. */
  async #growth(lane: Lane, probes: readonly Probe[], samples: Sample[]): Promise<Record<string, number>> {
    const { questions } = this.#plan;
    const settled = Math.min(SETTLED_AFTER, questions >> 1);
    let before = await lane.memory();
    for (let i = 0; i < questions && !this.#over; i++) {
      const probe = probes[i % probes.length];
      if (probe === undefined) break;
      if (i === settled) before = await lane.memory();
      if (i % SETTLED_AFTER === 0) this.#say(`question ${i + 1} of ${questions}`);
      samples.push(await lane.measure(probe));
    }
    const after = await lane.memory();
    const percent = (from: number, to: number): number => (from === 0 ? 0 : (to / from - 1) * 100);
    return {
      gpuBytesBefore: before.gpuBytes,
      gpuBytesAfter: after.gpuBytes,
      gpuGrowthPercent: percent(before.gpuBytes, after.gpuBytes),
      wasmBytesAfter: after.wasmBytes,
      wasmGrowthPercent: percent(before.wasmBytes, after.wasmBytes),
    };
  }
}

/**
 * An engine through a run: loaded, measured, and after anything went wrong ended and loaded again. Stock needs that: one
 * failed run makes every later one fail with the same error.
 */
class Lane {
  readonly name: EngineName;
  readonly #world: BenchWorld;
  readonly #source: FolderSource;
  readonly #backend: BackendChoice;
  readonly #plan: BenchPlan;
  readonly #signal: AbortSignal;
  readonly #shown = new Set<string>();
  #contestant: Contestant | null = null;
  #loadError: string | null = null;
  #loads = 0;

  constructor(
    name: EngineName,
    world: BenchWorld,
    source: FolderSource,
    backend: BackendChoice,
    plan: BenchPlan,
    signal: AbortSignal,
  ) {
    this.name = name;
    this.#world = world;
    this.#source = source;
    this.#backend = backend;
    this.#plan = plan;
    this.#signal = signal;
  }

  /** Starts the worker and loads the model; says why when that fails. */
  async load(onProgress: (doing: string) => void): Promise<EngineReport> {
    this.#loads++;
    this.#contestant = this.#world.connect(this.name);
    try {
      const loaded: LoadedEngine = await this.#call((api) =>
        api.load(this.#source, this.#backend, onProgress, { kernels: this.#plan.kernels, tuning: this.#plan.tuning }),
      );
      return { loaded: true, ...loaded };
    } catch (thrown) {
      this.dispose();
      this.#loadError = messageOf(thrown);
      return { loaded: false, error: this.#loadError };
    }
  }

  /** Loads again when the engine had to be ended. Throws when it cannot be had. */
  async ready(): Promise<void> {
    if (this.#contestant !== null) return;
    if (this.#loadError === null && this.#loads <= MAX_RELOADS) await this.load(() => undefined);
    if (this.#contestant !== null) return;
    // Why a first load failed stands in the report already.
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

  memory(): ReturnType<ContestantApi['memory']> {
    return this.#call((api) => api.memory());
  }

  dispose(): void {
    this.#contestant?.dispose();
    this.#contestant = null;
    this.#shown.clear();
  }

  /** A call within its limit; the engine is ended when it fails. */
  async #call<T>(work: (api: ContestantApi) => Promise<T>): Promise<T> {
    const contestant = this.#contestant;
    if (contestant === null) throw new Error('not loaded');
    let timer: ReturnType<typeof setTimeout> | undefined;
    let onStop: () => void = () => undefined;
    const limit = new Promise<never>((_, reject) => {
      const { limitSeconds } = this.#plan;
      timer = setTimeout(() => reject(new Error(`took longer than ${limitSeconds} s`)), limitSeconds * 1000);
      onStop = () => reject(new Error(STOPPED));
      this.#signal.addEventListener('abort', onStop, { once: true });
    });
    try {
      return await Promise.race([work(contestant.api), limit, contestant.crashed]);
    } catch (thrown) {
      this.dispose();
      throw thrown;
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener('abort', onStop);
    }
  }
}

function label(name: EngineName): string {
  return name === 'ours' ? 'this app' : 'transformers.js';
}
