/**
 * The candidate backends of this machine, best first, with reasons. Each candidate is tried in turn: the first whose
 * arithmetic passes its self-test wins.
 */
import { folderModel } from '../src/architectures/registry.ts';
import { parseTuning } from '../src/backends/webgpu/gpu/tuning.ts';
import { cpuVariant, type Manifest, type VariantName } from '../src/model/manifest.ts';
import type { Experiment } from '../src/protocol/bench-api.ts';
import type { BackendChoice, BackendInfo, KernelSource } from '../src/protocol/engine-api.ts';
import { type AdapterProbe, isSoftware, probeAdapter, requestDevice } from '../src/backends/webgpu/gpu/adapter.ts';
import { type AdapterFit, fitAdapter } from '../src/backends/webgpu/adapter-fit.ts';
import { openOnDevice } from '../src/backends/webgpu/gpu/device-failure.ts';
import { loadOrt, wasmThreads, webGpuBuild } from '../src/backends/onnx/web/ort-build.ts';
import { createWasmRuntime } from '../src/backends/onnx/web/wasm-runtime.ts';
import { createWebGpuRuntime } from '../src/backends/onnx/web/webgpu-runtime.ts';
import { openOnnxBackend } from '../src/backends/onnx/onnx-backend.ts';
import type { ModelFolder } from '../src/architectures/model-folder.ts';
import type { LoadEvent } from '../src/protocol/events.ts';
import { NamedError } from '../src/shared/errors.ts';
import type { OpenedBackend } from './opened-backend.ts';

/** A candidate backend, not started yet. */
export interface Candidate {
  readonly info: Omit<BackendInfo, 'reasons'>;
  /** The graphs it runs. */
  readonly variant: VariantName;
  /** Why no better one runs; shown once it is tried. */
  readonly notes: readonly string[];
  /** Its distinctive description, for the message that says why it failed. */
  readonly label: string;
  /**
   * Opens it on a model folder, which must hold the files of `variant`. Throws what the backend throws, and
   * RuntimeUnavailableError where the device failed meanwhile, which is then the cause of whatever else went wrong.
   */
  open(folder: ModelFolder, onEvent: (event: LoadEvent) => void): Promise<OpenedBackend>;
}

/** The candidates, and the reasons against others. */
export interface BackendPlan {
  readonly candidates: readonly Candidate[];
  readonly reasons: readonly string[];
}

const SLOW_BUILD = 'This browser has no WebAssembly.Suspending, so the slower asyncify build runs.';
const NEVER = new Promise<string>(() => undefined);

/** The app's defaults. */
export const APP_EXPERIMENT: Experiment = { kernels: null, tuning: '' };

/**
 * Looks at the machine and lists the candidates: with our own kernels first. Adapters that compute on the CPU take minutes to
 * compile those, so there onnxruntime's run, unless the experiment asks for ours.
 * Throws RuntimeUnavailableError when there is none, RangeError for a tuning that cannot be read.
 */
export async function planBackends(
  choice: BackendChoice,
  manifest: Manifest,
  experiment: Experiment = APP_EXPERIMENT,
): Promise<BackendPlan> {
  const candidates: Candidate[] = [];
  const reasons: string[] = [];
  const onCpu = cpuVariant(manifest);

  const software: Candidate[] = [];
  if (choice === 'wasm') {
    reasons.push('WASM was asked for.');
  } else {
    const probe = await probeAdapter();
    if (typeof probe === 'string') {
      reasons.push(probe);
    } else {
      const fit = fitAdapter(probe, manifest);
      const found = webGpuCandidates(probe, fit, manifest, experiment);
      if (fit.refusal !== null) reasons.push(fit.refusal);
      if (found.length > 0 && choice === 'auto' && isSoftware(probe)) {
        reasons.push(`The only WebGPU adapter (${probe.description}) computes on the CPU, which WASM does faster.`);
        software.push(...found);
      } else candidates.push(...found);
    }
  }
  if (choice !== 'webgpu' && onCpu !== undefined) candidates.push(wasmCandidate(onCpu));
  candidates.push(...software);
  if (candidates.length === 0) {
    const advice =
      onCpu === undefined
        ? 'Use a browser with WebGPU on a machine with a large enough graphics card, or a smaller model.'
        : 'Run it on WebAssembly: choose Automatic.';
    throw new NamedError(
      'RuntimeUnavailableError',
      `${manifest.name} (${manifest.dtype}) cannot run here. ${[...reasons, advice].join(' ')}`,
    );
  }
  return { candidates, reasons };
}

function webGpuCandidates(
  probe: AdapterProbe,
  fit: AdapterFit,
  manifest: Manifest,
  experiment: Experiment,
): Candidate[] {
  const { activations: types, notes } = fit;
  const sources = folderModel(manifest).kernels === undefined ? (['onnx'] as const) : kernelsToTry(probe, experiment);
  const ways = sources.flatMap((kernels) =>
    types.flatMap((activations) =>
      (probe.hasSubgroups ? [true, false] : [false]).map((subgroups) => ({ kernels, activations, subgroups })),
    ),
  );
  return ways.map(({ kernels, activations, subgroups }) => {
    const on = `${activations} activations ${subgroups ? 'and' : 'without'} subgroups`;
    const device = { f16: activations === 'f16', subgroups };
    const info = { backend: 'webgpu', title: 'WebGPU', kernels, activations, threads: 1, adapter: probe.description };
    if (kernels === 'ours') {
      return {
        info: { ...info, build: null },
        variant: activations,
        notes,
        label: `WebGPU with our own kernels, ${on}`,
        open: async (folder, onEvent) =>
          openOnDevice(await requestDevice(device), async (gpu) => {
            // Fetched only where our kernels run: most of this worker's code.
            const { openWebGpuBackend } = await import('../src/backends/webgpu/webgpu-backend.ts');
            const tuning = parseTuning(experiment.tuning);
            const kernels = await openWebGpuBackend({ device: gpu, folder, variant: activations, tuning, onEvent });
            return { backend: kernels, kernels };
          }),
      };
    }
    const build = webGpuBuild();
    return {
      info: { ...info, build },
      variant: activations,
      notes: build === 'asyncify' ? [...notes, SLOW_BUILD] : notes,
      label: `WebGPU with ${on}`,
      async open(folder, onEvent) {
        const ort = await loadOrt(build, 1);
        return openOnDevice(await requestDevice(device), async (gpu) => {
          const runtime = createWebGpuRuntime(ort, gpu);
          return { backend: await openOnnxBackend({ folder, variant: activations, runtime, onEvent }) };
        });
      },
    };
  });
}

/** Whose kernels are tried on an adapter, in this order. */
function kernelsToTry(probe: AdapterProbe, { kernels }: Experiment): readonly KernelSource[] {
  const first = kernels ?? (isSoftware(probe) ? 'onnx' : 'ours');
  return first === 'ours' ? ['ours', 'onnx'] : ['onnx'];
}

function wasmCandidate(variant: VariantName): Candidate {
  const threads = wasmThreads();
  const isolated = globalThis.crossOriginIsolated;
  return {
    info: {
      backend: 'wasm',
      title: 'WebAssembly',
      build: 'wasm',
      kernels: 'onnx',
      activations: 'f32',
      threads,
      adapter: '',
    },
    variant,
    notes: isolated ? [] : ['The page is not cross-origin isolated, so WASM runs on one thread.'],
    label: `WebAssembly with ${threads} thread${threads === 1 ? '' : 's'}`,
    async open(folder, onEvent) {
      const runtime = createWasmRuntime(await loadOrt('wasm', threads));
      return { backend: await openOnnxBackend({ folder, variant, runtime, onEvent }), failure: NEVER };
    },
  };
}
