/**
 * Every backend, and the choice among them. A new one is a folder next to this file and a line here. `#host/NAME` is that
 * folder's `web/host.ts` in a browser and its `node/host.ts` in Node (package.json, `imports`): neither bundles the other.
 */
import { host as onnx } from '#host/onnx';
import { host as webgpu } from '#host/webgpu';
import type { Manifest } from '../model/manifest.ts';
import type { BackendChoice, BackendOption } from '../protocol/engine-api.ts';
import { NamedError } from '../shared/errors.ts';
import type { BackendHost, BackendPlan, Candidate } from './backend-host.ts';

/** The backends by the name that `?kernels=` asks for them by, best first. */
const BACKENDS = new Map<string, BackendHost>([
  ['ours', webgpu],
  ['onnx', onnx],
]);

/** The order in which places are tried. */
const PLACES: readonly Candidate['place'][] = ['card', 'cpu', 'emulation'];

/** A candidate of a registered backend. */
export interface NamedCandidate extends Candidate {
  /** The backend's name in the registry. */
  readonly implementation: string;
}

/** The candidates of all backends, best first, and the reasons against others. */
export interface NamedPlan extends BackendPlan {
  readonly candidates: readonly NamedCandidate[];
}

/** What to choose a backend for. */
export interface PlanOptions {
  readonly manifest: Manifest;
  readonly choice: BackendChoice;
  /** The backend to try first, by its name; those before it are not tried. null: the best one. */
  readonly kernels?: string | null;
  /** Sizes of kernels, as `parseTuning` reads them. */
  readonly tuning?: string;
  /** The model folder on disk, where it is there. */
  readonly directory?: string;
}

/** Adds a backend from outside this folder, such as a test's. It is tried last. */
export function registerBackend(name: string, host: BackendHost): void {
  BACKENDS.set(name, host);
}

/** What a person may choose here, beside `auto`. */
export function backendOptions(): readonly BackendOption[] {
  const all = [...BACKENDS.values()].flatMap(({ options }) => options);
  return [...new Map(all.map((option) => [option.id, option])).values()];
}

/** The option with this id; null for `auto`, and for what there is not here. */
export function backendOption(choice: BackendChoice): BackendOption | null {
  return backendOptions().find(({ id }) => id === choice) ?? null;
}

/**
 * Lists the candidates for a model on this machine, best first, with the reasons against others. An unknown choice is as good as
 * none. Throws RuntimeUnavailableError when there is no candidate, or no backend `kernels`; RangeError for a tuning that cannot
 * be read; and what a backend throws that alone was asked for.
 */
export async function planBackends(options: PlanOptions): Promise<NamedPlan> {
  const { manifest, kernels = null, tuning = '', directory = null } = options;
  const choice = backendOption(options.choice)?.id ?? null;
  const candidates: NamedCandidate[] = [];
  const reasons = new Set<string>();
  if (choice === null && options.choice !== 'auto') reasons.add(`There is no backend "${options.choice}" here.`);
  for (const [name, host] of backendsFrom(kernels)) {
    if (choice !== null && !host.options.some(({ id }) => id === choice)) continue;
    const plan = await host.plan({ manifest, choice, isNamed: kernels === name, directory, tuning });
    candidates.push(...plan.candidates.map((candidate) => ({ ...candidate, implementation: name })));
    for (const reason of plan.reasons) reasons.add(reason);
  }
  if (candidates.length === 0) throw noBackend(manifest, choice, [...reasons]);
  const rank = ({ place }: Candidate): number => PLACES.indexOf(place);
  return { candidates: candidates.toSorted((a, b) => rank(a) - rank(b)), reasons: [...reasons] };
}

/** The backend of this name and those after it; all for null. */
function backendsFrom(name: string | null): readonly (readonly [string, BackendHost])[] {
  const all = [...BACKENDS];
  if (name === null) return all;
  const first = all.findIndex(([known]) => known === name);
  if (first >= 0) return all.slice(first);
  throw new NamedError(
    'RuntimeUnavailableError',
    `There are no kernels "${name}"; use ${all.map(([known]) => known).join(', ')}.`,
  );
}

function noBackend({ name, dtype }: Manifest, choice: string | null, reasons: readonly string[]): NamedError {
  const others = backendOptions().filter(({ id }) => id !== choice);
  const advice =
    choice === null
      ? 'It takes a machine with a large enough graphics card, or a smaller model.'
      : `Choose another backend (auto, ${others.map(({ id }) => id).join(', ')}) or a smaller model.`;
  const why = [...reasons, advice].join(' ');
  return new NamedError('RuntimeUnavailableError', `${name} (${dtype}) cannot run here. ${why}`);
}
