/** Runs of the benchmark with fake engines: order, failures, limits, stops. */
import { describe, expect, it } from 'vitest';
import { engineLine } from '../../src/evaluation/bench-report.ts';
import { DEFAULT_PLAN, type BenchPlan } from '../../src/evaluation/plan.ts';
import { type BenchEvent, type BenchEnvironment, runBench } from '../../src/evaluation/run-bench.ts';
import type { EngineUnderTestApi, EngineName, LoadedEngine, Probe } from '../../src/protocol/bench-api.ts';

const MEMORY = { wasmBytes: 0, heapPeakBytes: 0, gpuBytes: 100, gpuPeakBytes: 0 };
const LOADED: LoadedEngine = {
  engine: '',
  backend: 'wasm',
  adapter: '',
  reasons: [],
  model: '',
  dtype: '',
  loadMs: 1,
  memory: MEMORY,
};
const PLAN: BenchPlan = { ...DEFAULT_PLAN, only: ['decode512'], repeat: 2, limitSeconds: 1 };

/** Engines that record every call, with some of their answers replaced. */
function invent(replaced: Partial<Record<EngineName, Partial<EngineUnderTestApi>>> = {}): {
  environment: BenchEnvironment;
  calls: string[];
} {
  const calls: string[] = [];
  const note = async <T>(call: string, result: T): Promise<T> => {
    calls.push(call);
    return result;
  };
  const environment: BenchEnvironment = {
    userAgent: 'a test',
    model: async () => ({ kind: 'url', url: 'models/x/' }),
    invent: async () => new Blob(),
    rest: () => note('rest', undefined),
    questions: async () => ({ list: [{ picture: 'p', question: 'q' }], pictures: new Map([['p', new Blob()]]) }),
    connect: (name) => ({
      api: {
        load: (_source, backend) => note(`${name} load ${backend}`, LOADED),
        addPicture: (picture) => note(`${name} picture ${picture}`, undefined),
        measure: (probe: Probe) => note(`${name} ${probe.kind}`, { ms: name === 'ours' ? 2 : 6, details: {} }),
        memory: () => note(`${name} memory`, MEMORY),
        ...replaced[name],
      },
      crashed: new Promise<never>(() => undefined),
      dispose: () => calls.push(`${name} dispose`),
    }),
  };
  return { environment, calls };
}

const never = new AbortController().signal;
const ignore = (): void => undefined;

describe('a run', () => {
  it('loads one engine after the other, warms up, then alternates, with a rest before each sample', async () => {
    const { environment, calls } = invent();
    const report = await runBench(PLAN, environment, ignore, never);
    expect(calls).toEqual([
      'ours load auto',
      'upstream load wasm', // where ours runs
      ...['ours', 'upstream'].flatMap((name) => [`${name} picture dot`, `${name} decode`]),
      ...['ours', 'upstream', 'ours', 'upstream'].flatMap((name) => ['rest', `${name} decode`]),
      'ours dispose',
      'upstream dispose',
    ]);
    expect(report.rows[0]).toMatchObject({ id: 'decode512', ratio: 3, ours: { samples: [2, 2] } });
    expect(report.complete).toBe(true);
  });

  it('continues with one engine when the other cannot load, and says why', async () => {
    const load = (): Promise<never> => Promise.reject(new RangeError('Array buffer allocation failed'));
    const { environment } = invent({ upstream: { load } });
    const report = await runBench(PLAN, environment, ignore, never);
    expect(report.engines.upstream).toEqual({ loaded: false, error: 'Array buffer allocation failed' });
    expect(report.rows[0]?.ours?.samples).toEqual([2, 2]);
    expect(report.rows[0]?.upstream?.error).toBe('not loaded');
  });

  it('ends an engine that hangs, and reloads it for the next measurement', async () => {
    let hang = true;
    const measure: EngineUnderTestApi['measure'] = async ({ kind }) => {
      if (kind === 'decode' && hang) return new Promise(() => undefined);
      return { ms: 5, details: {} };
    };
    const { environment, calls } = invent({ upstream: { measure } });
    const plan = { ...PLAN, only: ['decode512', 'preprocess1022'], limitSeconds: 0.05 };
    const report = await runBench(plan, environment, ignore, never);
    hang = false;
    expect(report.rows.map(({ upstream }) => upstream?.error)).toEqual(['took longer than 0.05 s', null]);
    expect(report.rows[0]?.ours?.samples).toEqual([2, 2]);
    expect(calls.filter((call) => call === 'upstream load wasm')).toHaveLength(2);
  });

  it('compares memory after ten questions with memory after the last', async () => {
    let asked = 0;
    const measure: EngineUnderTestApi['measure'] = async () => ({ ms: ++asked, details: {} });
    const memory: EngineUnderTestApi['memory'] = async () => ({ ...MEMORY, gpuBytes: 1000 + asked });
    const { environment } = invent({ ours: { measure, memory } });
    const report = await runBench({ ...PLAN, only: ['growth'], questions: 30 }, environment, ignore, never);
    // One question warms up.
    expect(report.rows[0]?.ours?.details).toMatchObject({ gpuBytesBefore: 1011, gpuBytesAfter: 1031 });
    expect(report.rows[0]?.upstream).toBeNull();
    expect(report.verdicts.at(-1)).toMatchObject({ goal: 'GPU memory growth over many questions', met: false });
  });

  it('ends at once when it is stopped, with the results so far', async () => {
    const stop = new AbortController();
    const { environment, calls } = invent({ ours: { measure: () => new Promise(() => stop.abort()) } });
    const report = await runBench(PLAN, environment, ignore, stop.signal);
    expect(report.complete).toBe(false);
    expect(report.rows[0]?.ours?.error).toBe('stopped');
    expect(calls.filter((call) => call === 'upstream decode')).toEqual([]);
  });

  it('that is stopped while an engine loads says so', async () => {
    const stop = new AbortController();
    const { environment, calls } = invent({ ours: { load: () => new Promise(() => stop.abort()) } });
    const { engines, complete } = await runBench(PLAN, environment, ignore, stop.signal);
    expect(Object.keys(engines)).toEqual(['ours']);
    expect(engines.ours && engineLine('ours', engines.ours)).toBe('This app was stopped while it loaded the model.');
    expect(complete).toBe(false);
    expect(calls).toEqual(['ours dispose']);
  });

  it('reports engines and rows as they arrive', async () => {
    const events: BenchEvent[] = [];
    await runBench(PLAN, invent().environment, (event) => events.push(event), never);
    expect(events.filter(({ type }) => type !== 'doing').map(({ type }) => type)).toEqual(['engine', 'engine', 'row']);
  });
});
