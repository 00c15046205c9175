/** The benchmark page's store: the plan, the run's state and its report. The run itself stays outside. */
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';
import { type BenchReport, type EngineReport, type Row, toText } from '../evaluation/bench-report.ts';
import { type BenchPlan, usualMeasurements } from '../evaluation/plan.ts';
import { type BenchEvent, type BenchEnvironment, runBench } from '../evaluation/run-bench.ts';
import type { EngineName } from '../protocol/bench-api.ts';
import { messageOf } from '../shared/errors.ts';

/** The run's status. */
export interface BenchProgress {
  readonly text: string;
  readonly done: number;
  readonly total: number;
}

/** The page's state. */
export interface BenchState {
  readonly plan: BenchPlan;
  readonly status: 'idle' | 'running' | 'stopping' | 'done' | 'failed';
  readonly progress: BenchProgress | null;
  readonly engines: Readonly<Partial<Record<EngineName, EngineReport>>>;
  readonly rows: readonly Row[];
  readonly report: BenchReport | null;
  readonly error: string | null;
  /** Changes the plan. Another model gets its own default measurements. */
  change(part: Partial<BenchPlan>): void;
  run(): Promise<void>;
  stop(): void;
}

/** The page's store. */
export type BenchStore = StoreApi<BenchState>;

/**
 * Makes the store. `post` gets a line for every result, then the table after `TABLE` and the report after `DONE`, all as
 * JSON; a failed post does not end the run.
 */
export function createBenchStore(
  plan: BenchPlan,
  environment: BenchEnvironment,
  post: (line: string) => Promise<void> = async () => undefined,
): BenchStore {
  let stop: AbortController | null = null;
  return createStore<BenchState>()((set, get) => {
    /** Lines are sent one after the other, so that DONE comes last. */
    let sent: Promise<void> = Promise.resolve();
    const send = (line: string): void => {
      sent = sent.then(() => post(line)).catch(() => undefined);
    };
    const onEvent = (event: BenchEvent): void => {
      if (event.type === 'doing') {
        const { text, done, total } = event;
        return set({ progress: { text, done, total } });
      }
      send(JSON.stringify(event));
      if (event.type === 'engine') return set({ engines: { ...get().engines, [event.name]: event.engine } });
      return set({ rows: [...get().rows, event.row] });
    };
    return {
      plan,
      status: 'idle',
      progress: null,
      engines: {},
      rows: [],
      report: null,
      error: null,

      change: (part) => {
        const { model } = part;
        set({ plan: { ...get().plan, ...(model === undefined ? {} : { only: usualMeasurements(model) }), ...part } });
      },

      run: async () => {
        if (stop !== null) return;
        stop = new AbortController();
        set({ status: 'running', progress: null, engines: {}, rows: [], report: null, error: null });
        try {
          const report = await runBench(get().plan, environment, onEvent, stop.signal);
          set({ status: 'done', report });
          send(`TABLE ${JSON.stringify(toText(report))}`);
          send(`DONE ${JSON.stringify(report)}`);
        } catch (thrown) {
          const error = messageOf(thrown);
          set({ status: 'failed', error });
          send(`DONE ${JSON.stringify({ error })}`);
        } finally {
          stop = null;
        }
        await sent;
      },

      stop: () => {
        if (stop === null) return;
        set({ status: 'stopping' });
        stop.abort();
      },
    };
  });
}
