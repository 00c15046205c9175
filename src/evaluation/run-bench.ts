/**
 * Runs a plan: loads one engine after the other, then measures everything in turn, the engines alternating, so that a
 * machine that slows down affects both equally. A failure counts as a result of its engine and never ends the run.
 */
import type { EngineName, Probe, Sample } from '../protocol/bench-api.ts';
import type { FolderSource } from '../protocol/engine-api.ts';
import { messageOf } from '../shared/errors.ts';
import { type BenchReport, type Cell, cellOf, type EngineReport, type Row, rowOf } from './bench-report.ts';
import { EngineRunner, type EngineUnderTest } from './engine-runner.ts';
import { withVerdicts } from './goals.ts';
import { type BenchQuestion, type SyntheticPicture, type Measurement, MEASUREMENTS } from './measurements.ts';
import { type BenchPlan, planToSearch } from './plan.ts';

/** The environment of a run. */
export interface BenchEnvironment {
  readonly userAgent: string;
  /** Starts an engine's worker. */
  connect(engine: EngineName): EngineUnderTest;
  /** The model of the plan: the same files for both engines. */
  model(plan: BenchPlan): Promise<FolderSource>;
  /** Draws a picture. */
  invent(picture: SyntheticPicture): Promise<Blob>;
  /** Resolves after `ms` milliseconds, or when the signal fires. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
  /** Questions about pictures of the site, and these. */
  questions(): Promise<{ readonly list: readonly BenchQuestion[]; readonly pictures: ReadonlyMap<string, Blob> }>;
}

/** Events of a run. */
export type BenchEvent =
  | { readonly type: 'doing'; readonly text: string; readonly done: number; readonly total: number }
  | { readonly type: 'engine'; readonly name: EngineName; readonly engine: EngineReport }
  | { readonly type: 'row'; readonly row: Row };

/**
 * Pause before each measurement of decode steps. Upstream has gigabytes to free after a prefill of thousands of tokens, which the
 * browser does for about a second, and the next engine's steps would pay for it: 12 % (docs/log.md). Milliseconds.
 */
const REST_MS = 3000;

/** Questions before the first look at memory, so that one-time allocations do not count as growth. */
const SETTLED_AFTER = 10;

/** Runs a plan to its end, or until `signal` fires. Throws only for a model that cannot be obtained. */
export async function runBench(
  plan: BenchPlan,
  environment: BenchEnvironment,
  onEvent: (event: BenchEvent) => void,
  signal: AbortSignal,
): Promise<BenchReport> {
  return new BenchRun(plan, environment, onEvent, signal).run();
}

class BenchRun {
  readonly #plan: BenchPlan;
  readonly #environment: BenchEnvironment;
  readonly #onEvent: (event: BenchEvent) => void;
  readonly #signal: AbortSignal;
  readonly #start = performance.now();
  readonly #startedAt = new Date().toISOString();
  readonly #engines: Partial<Record<EngineName, EngineReport>> = {};
  readonly #pictures = new Map<string, Blob>();
  readonly #measurements: readonly Measurement[];
  #questions: readonly BenchQuestion[] = [];
  #done = 0;

  constructor(
    plan: BenchPlan,
    environment: BenchEnvironment,
    onEvent: (event: BenchEvent) => void,
    signal: AbortSignal,
  ) {
    this.#plan = plan;
    this.#environment = environment;
    this.#onEvent = onEvent;
    this.#signal = signal;
    this.#measurements = MEASUREMENTS.filter(({ id }) => plan.only.includes(id));
  }

  async run(): Promise<BenchReport> {
    // 1. The model and the pictures.
    this.#say('the model');
    const source = await this.#environment.model(this.#plan);
    for (const picture of this.#measurements.flatMap(({ pictures }) => pictures)) {
      if (!this.#pictures.has(picture.name)) this.#pictures.set(picture.name, await this.#environment.invent(picture));
    }
    if (this.#measurements.some(({ id }) => id === 'answers')) {
      const { list, pictures } = await this.#environment.questions();
      this.#questions = list;
      for (const [name, file] of pictures) this.#pictures.set(name, file);
    }

    // 2. The engines, one after the other.
    const runners: EngineRunner[] = [];
    let { backend } = this.#plan;
    for (const name of this.#plan.engines) {
      const runner = new EngineRunner({
        name,
        connect: () => this.#environment.connect(name),
        source,
        backend,
        plan: this.#plan,
        signal: this.#signal,
      });
      runners.push(runner);
      if (this.#over) continue;
      this.#say(`${label(name)}: loading`);
      const engine = await runner.load((doing) => this.#say(`${label(name)}: ${doing}`));
      if (engine.loaded) ({ backend } = engine); // whoever comes next runs where the first one does
      this.#engines[name] = engine;
      this.#onEvent({ type: 'engine', name, engine });
      this.#done++;
    }

    // 3. Everything in turn.
    const rows: Row[] = [];
    for (const measurement of this.#measurements) {
      if (this.#over) break;
      const row = await this.#measure(measurement, runners);
      this.#done++;
      rows.push(row);
      this.#onEvent({ type: 'row', row });
    }
    for (const runner of runners) runner.dispose();
    return withVerdicts({
      version: 1,
      startedAt: this.#startedAt,
      seconds: (performance.now() - this.#start) / 1000,
      userAgent: this.#environment.userAgent,
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

  async #measure(measurement: Measurement, runners: readonly EngineRunner[]): Promise<Row> {
    const { id, title, engines, kind, pictures, once } = measurement;
    const probes = measurement.probes({ steps: this.#plan.steps, questions: this.#questions });
    const entrants = runners
      .filter(({ name }) => engines.includes(name))
      .map((runner) => ({ runner, samples: [] as Sample[], error: null as string | null, extra: {} }));
    const needed = new Set([...pictures.map(({ name }) => name), ...probes.flatMap((probe) => probe.picture)]);

    /** Does something with every engine that has not failed yet. */
    const each = async (what: string, work: (entrant: (typeof entrants)[number]) => Promise<void>): Promise<void> => {
      for (const entrant of entrants) {
        if (entrant.error !== null || this.#over) continue;
        this.#say(`${title}, ${label(entrant.runner.name)}: ${what}`);
        try {
          await work(entrant);
        } catch (thrown) {
          entrant.error = messageOf(thrown);
        }
      }
    };
    await each('warming up', async ({ runner }) => {
      await runner.ready();
      for (const name of needed) await runner.show(name, this.#pictures.get(name) ?? new Blob());
      const [first] = probes;
      if (first !== undefined) await runner.measure(first);
    });
    if (kind === 'growth') {
      await each('asking', async (entrant) => {
        entrant.extra = await this.#growth(entrant.runner, probes, entrant.samples);
      });
    } else {
      const order = Array.from({ length: once === true ? 1 : this.#plan.repeat }, () => probes).flat();
      for (const [i, probe] of order.entries()) {
        await each(`${i + 1} of ${order.length}`, async ({ runner, samples }) => {
          const inTurn = entrants.filter(({ error }) => error === null).length > 1;
          if (probe.kind === 'decode' && inTurn) await this.#environment.rest(REST_MS, this.#signal);
          samples.push(await runner.measure(probe));
        });
      }
    }
    const cell = (name: EngineName): Cell | null => {
      const entrant = entrants.find(({ runner }) => runner.name === name);
      if (entrant === undefined) return null;
      const found = cellOf(entrant.samples, entrant.error);
      return { ...found, details: { ...found.details, ...entrant.extra } };
    };
    return rowOf(id, title, cell('ours'), cell('upstream'));
  }

  /** Asks the probes in turn, and compares memory. */
  async #growth(runner: EngineRunner, probes: readonly Probe[], samples: Sample[]): Promise<Record<string, number>> {
    const { questions } = this.#plan;
    const settled = Math.min(SETTLED_AFTER, questions >> 1);
    let before = await runner.memory();
    for (let i = 0; i < questions && !this.#over; i++) {
      const probe = probes[i % probes.length];
      if (probe === undefined) break;
      if (i === settled) before = await runner.memory();
      if (i % SETTLED_AFTER === 0) this.#say(`question ${i + 1} of ${questions}`);
      samples.push(await runner.measure(probe));
    }
    const after = await runner.memory();
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

function label(name: EngineName): string {
  return name === 'ours' ? 'this app' : 'transformers.js';
}
