/**
 * The candidate backends on Node, best first, with reasons: our own kernels on a graphics card through Dawn, onnxruntime on
 * the CPU. The command line's counterpart of workers/backends.ts.
 */
import type { ModelFolder } from '../architectures/model-folder.ts';
import { folderModel } from '../architectures/registry.ts';
import { createNodeRuntime } from '../backends/onnx/node/node-runtime.ts';
import { openOnnxBackend } from '../backends/onnx/onnx-backend.ts';
import { fitAdapter } from '../backends/webgpu/adapter-fit.ts';
import { isSoftware } from '../backends/webgpu/gpu/adapter.ts';
import { openOnDevice } from '../backends/webgpu/gpu/device-failure.ts';
import { DEFAULT_TUNING } from '../backends/webgpu/gpu/tuning.ts';
import { type Dawn, startDawn } from '../backends/webgpu/node/dawn.ts';
import { openWebGpuBackend } from '../backends/webgpu/webgpu-backend.ts';
import type { Backend } from '../engine/backend.ts';
import { cpuVariant, type Manifest, type VariantName } from '../model/manifest.ts';
import { isNamed, messageOf, NamedError } from '../shared/errors.ts';

/** The values of `--backend`. */
export const BACKENDS = ['auto', 'webgpu', 'cpu'] as const;

/** One of {@link BACKENDS}. */
export type BackendName = (typeof BACKENDS)[number];

/** The option of every command that runs a model. */
export const BACKEND_OPTION = {
  type: 'string',
  default: 'auto',
  description: 'auto | webgpu | cpu: a graphics card through Dawn, or the CPU; auto takes the card where there is one',
} as const;

/** A backend on Node, and the news of its device's failure. */
export interface OpenedBackend {
  readonly backend: Backend;
  /** As `deviceFailure` says; never for the CPU. */
  readonly failure: Promise<string>;
}

/** A candidate backend, not started yet. */
export interface Candidate {
  readonly kind: 'webgpu' | 'cpu';
  /** Its distinctive description, for the messages that it runs or why it failed. */
  readonly label: string;
  /** The graphs whose files it needs. */
  readonly variant: VariantName;
  /** Why it is not a better one. */
  readonly notes: readonly string[];
  /** Throws what the backend throws, and RuntimeUnavailableError where the device failed meanwhile. */
  open(folder: ModelFolder): Promise<OpenedBackend>;
}

/** The candidates, and the reasons against others. */
export interface BackendPlan {
  readonly candidates: readonly Candidate[];
  readonly reasons: readonly string[];
}

/** Parses `--backend`. Throws UsageError. */
export function parseBackend(value: string): BackendName {
  const known = BACKENDS.find((name) => name === value);
  if (known === undefined) throw new NamedError('UsageError', `--backend is "${value}"; use ${BACKENDS.join(', ')}.`);
  return known;
}

/**
 * Lists the candidates for the model folder at `directory`. An adapter that computes on the CPU counts only where WebGPU is asked for.
 * Throws RuntimeUnavailableError when there is none, ModelFolderError when the CPU is requested and the folder has no graphs for it.
 */
export async function planBackends(choice: BackendName, manifest: Manifest, directory: string): Promise<BackendPlan> {
  const onCpu = cpuCandidates(manifest, directory);
  if (choice === 'cpu') {
    if (onCpu.length > 0) return { candidates: onCpu, reasons: [] };
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no f32 graphs, which a CPU needs. ` +
        'Convert it with dtype q4, or run it on a graphics card: --backend webgpu.',
    );
  }
  const { candidates, reasons } = await planWebGpu(choice, manifest);
  const all = choice === 'auto' ? [...candidates, ...onCpu] : candidates;
  if (all.length > 0) return { candidates: all, reasons };
  const advice =
    choice === 'webgpu' && onCpu.length > 0
      ? 'Run it on the CPU: --backend cpu.'
      : 'Use a machine with a large enough graphics card, or a smaller model.';
  const why = [...reasons, advice].join(' ');
  throw new NamedError('RuntimeUnavailableError', `${manifest.name} (${manifest.dtype}) cannot run here. ${why}`);
}

async function planWebGpu(choice: 'auto' | 'webgpu', manifest: Manifest): Promise<BackendPlan> {
  const { kernels, modelType } = folderModel(manifest);
  if (kernels === undefined) return { candidates: [], reasons: [`Our kernels compute no ${modelType} models.`] };
  let dawn: Dawn;
  try {
    dawn = await startDawn();
  } catch (thrown) {
    if (choice === 'webgpu' || !isNamed(thrown, 'RuntimeUnavailableError')) throw thrown;
    return { candidates: [], reasons: [messageOf(thrown)] };
  }
  const { probe } = dawn;
  if (choice === 'auto' && isSoftware(probe)) {
    const why = `The only WebGPU adapter (${probe.description}) computes on the CPU, which onnxruntime does faster.`;
    return { candidates: [], reasons: [why] };
  }
  const { activations: types, notes, refusal } = fitAdapter(probe, manifest);
  const ways = types.flatMap((activations) =>
    (probe.hasSubgroups ? [true, false] : [false]).map((subgroups) => ({ activations, subgroups })),
  );
  const candidates = ways.map(({ activations, subgroups }): Candidate => {
    const features = `${activations} activations ${subgroups ? 'and' : 'without'} subgroups`;
    const label = `WebGPU through Dawn with ${features} on ${probe.description}`;
    const open = async (folder: ModelFolder): Promise<OpenedBackend> =>
      openOnDevice(await dawn.open({ f16: activations === 'f16', subgroups }), async (device) => {
        const options = { device, folder, variant: activations, tuning: DEFAULT_TUNING, onEvent: () => undefined };
        return { backend: await openWebGpuBackend(options) };
      });
    return { kind: 'webgpu', label, variant: activations, notes, open };
  });
  return { candidates, reasons: refusal === null ? [] : [refusal] };
}

/** onnxruntime; none where the folder has no f32 graphs. */
function cpuCandidates(manifest: Manifest, directory: string): Candidate[] {
  const variant = cpuVariant(manifest);
  if (variant === undefined) return [];
  const open = async (folder: ModelFolder): Promise<OpenedBackend> => {
    const runtime = createNodeRuntime(directory);
    const backend = await openOnnxBackend({ folder, variant, runtime, onEvent: () => undefined });
    return { backend, failure: new Promise(() => undefined) };
  };
  return [{ kind: 'cpu', label: 'onnxruntime on the CPU with f32 activations', variant, notes: [], open }];
}
