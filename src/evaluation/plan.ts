/** The plan of a benchmark run, and its parameters in a page's address. */
import { allPresets } from '../architectures/registry.ts';
import { type EngineName, type Experiment, ON_CPU } from '../protocol/bench-api.ts';
import type { BackendChoice } from '../protocol/engine-api.ts';
import { MEASUREMENTS } from './measurements.ts';

/** The model to measure with. */
export type BenchModel =
  | { readonly kind: 'bundled' }
  /** Sizes filled with random weights: speed depends on sizes alone. `preset`: its name among the architectures'. */
  | { readonly kind: 'preset'; readonly preset: string }
  | { readonly kind: 'url'; readonly url: string };

/** A run of the benchmark. */
export interface BenchPlan extends Experiment {
  readonly model: BenchModel;
  readonly backend: BackendChoice;
  readonly engines: readonly EngineName[];
  /** Ids of measurements, in the order of {@link MEASUREMENTS}. */
  readonly only: readonly string[];
  /** Samples per measurement, after one warm-up. */
  readonly repeat: number;
  /** New tokens a measurement of decode steps takes. */
  readonly steps: number;
  /** Questions after which memory is looked at again. */
  readonly questions: number;
  /** Seconds one load or one probe may take, and seconds after which nothing new is started. */
  readonly limitSeconds: number;
  readonly totalSeconds: number;
}

/** What both engines run on. The page's address takes any other backend of ours, too. */
export const SHARED_BACKENDS = [
  ['auto', 'WebGPU, else WASM'],
  ['webgpu', 'WebGPU'],
  [ON_CPU, 'WASM'],
] as const;

/** The plan of a page without parameters. */
export const DEFAULT_PLAN: BenchPlan = {
  model: { kind: 'bundled' },
  backend: 'auto',
  kernels: null,
  tuning: '',
  engines: ['ours', 'upstream'],
  only: usualMeasurements({ kind: 'bundled' }),
  repeat: 5,
  steps: 32,
  questions: 200,
  limitSeconds: 120,
  totalSeconds: 3600,
};

/** The default measurements: whole answers only with trained weights. */
export function usualMeasurements(model: BenchModel): readonly string[] {
  const usual = MEASUREMENTS.filter(({ byDefault }) => byDefault).map(({ id }) => id);
  return model.kind === 'preset' ? usual.filter((id) => id !== 'answers') : usual;
}

/** Reads `model`, `backend`, `kernels`, `tuning`, `engines`, `only`, `repeat`, `steps`, `questions`, `limit` and `total`; anything unusable takes its default. */
export function planFrom(search: URLSearchParams): BenchPlan {
  const requested = names(search.get('only'));
  const engines = names(search.get('engines'));
  const only = MEASUREMENTS.map(({ id }) => id).filter((id) => requested.includes(id));
  const chosen = (['ours', 'upstream'] as const).filter((name) => engines.includes(name));
  const backend = search.get('backend');
  const kernels = search.get('kernels');
  const model = modelFrom(search.get('model'));
  return {
    model,
    backend: backend === null || backend === '' ? 'auto' : backend,
    kernels: kernels === '' ? null : kernels,
    tuning: search.get('tuning') ?? '',
    engines: chosen.length > 0 ? chosen : DEFAULT_PLAN.engines,
    only: only.length > 0 ? only : usualMeasurements(model),
    repeat: count(search.get('repeat'), DEFAULT_PLAN.repeat),
    steps: count(search.get('steps'), DEFAULT_PLAN.steps),
    questions: count(search.get('questions'), DEFAULT_PLAN.questions),
    limitSeconds: count(search.get('limit'), DEFAULT_PLAN.limitSeconds),
    totalSeconds: count(search.get('total'), DEFAULT_PLAN.totalSeconds),
  };
}

/** The parameters that `planFrom` reads as this plan, defaults left out. */
export function planToSearch(plan: BenchPlan): URLSearchParams {
  const all: Readonly<Record<string, readonly [string, string]>> = {
    model: [modelName(plan.model), modelName(DEFAULT_PLAN.model)],
    backend: [plan.backend, DEFAULT_PLAN.backend],
    kernels: [plan.kernels ?? '', ''],
    tuning: [plan.tuning, DEFAULT_PLAN.tuning],
    engines: [plan.engines.join(','), DEFAULT_PLAN.engines.join(',')],
    only: [plan.only.join(','), usualMeasurements(plan.model).join(',')],
    repeat: [String(plan.repeat), String(DEFAULT_PLAN.repeat)],
    steps: [String(plan.steps), String(DEFAULT_PLAN.steps)],
    questions: [String(plan.questions), String(DEFAULT_PLAN.questions)],
    limit: [String(plan.limitSeconds), String(DEFAULT_PLAN.limitSeconds)],
    total: [String(plan.totalSeconds), String(DEFAULT_PLAN.totalSeconds)],
  };
  const search = new URLSearchParams();
  for (const [name, [value, usual]] of Object.entries(all)) if (value !== usual) search.set(name, value);
  return search;
}

/** `bundled`, the name of a preset, or a URL. */
export function modelFrom(text: string | null): BenchModel {
  if (text === null || text === '' || text === 'bundled') return { kind: 'bundled' };
  if (allPresets().has(text)) return { kind: 'preset', preset: text };
  return { kind: 'url', url: text };
}

/** What `modelFrom` reads as this model. */
export function modelName(model: BenchModel): string {
  if (model.kind === 'bundled') return 'bundled';
  return model.kind === 'preset' ? model.preset : model.url;
}

/** The presets to offer, each with its title; one for tests only if it is `chosen`. */
export function presetTitles(chosen: string): readonly (readonly [name: string, title: string])[] {
  return [...allPresets()]
    .filter(([name, { forTests = false }]) => !forTests || name === chosen)
    .map(([name, preset]) => [name, `${preset.name}, random weights`]);
}

function names(text: string | null): readonly string[] {
  return (text ?? '').split(',').map((name) => name.trim());
}

function count(text: string | null, usual: number): number {
  const value = Number(text);
  return text !== null && Number.isInteger(value) && value > 0 ? value : usual;
}
