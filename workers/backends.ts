/**
 * Which ways of computing this machine has, best first, and why. Each candidate is tried in turn: the first whose
 * arithmetic passes its self-test wins.
 */
import { createKernelRuntime } from '../src/backends/webgpu/kernel-runtime.ts';
import type { KernelGraph } from '../src/backends/webgpu/context.ts';
import { parseTuning } from '../src/backends/webgpu/gpu/tuning.ts';
import { cpuVariant, type Manifest, type VariantName } from '../src/model/manifest.ts';
import type { Experiment } from '../src/protocol/bench-api.ts';
import type { BackendChoice, BackendInfo, KernelTower } from '../src/protocol/engine-api.ts';
import { type AdapterProbe, isSoftware, probeAdapter, requestDevice } from '../src/backends/webgpu/gpu/adapter.ts';
import { deviceFailure, FAILURE_REPORT_MS, failureWithin } from '../src/backends/webgpu/gpu/device-failure.ts';
import { loadOrt, wasmThreads, webGpuBuild } from '../src/backends/onnx/web/ort-build.ts';
import { createWasmRuntime } from '../src/backends/onnx/web/wasm-runtime.ts';
import { createWebGpuRuntime } from '../src/backends/onnx/web/webgpu-runtime.ts';
import { openOnnxBackend } from '../src/backends/onnx/onnx-backend.ts';
import type { ModelFolder } from '../src/model/model-folder.ts';
import type { LoadEvent } from '../src/protocol/events.ts';
import { NamedError } from '../src/shared/errors.ts';
import type { OpenedBackend } from './opened-backend.ts';

/** A way of computing, not started yet. */
export interface Candidate {
  readonly info: Omit<BackendInfo, 'reasons'>;
  /** The graphs it runs. */
  readonly variant: VariantName;
  /** Why it is not a better one; of interest once it is tried. */
  readonly notes: readonly string[];
  /** What sets it apart, for the sentence that says why it failed. */
  readonly label: string;
  /**
   * Opens it on a model folder, which must hold the files of `variant`. Throws what the backend throws, and
   * RuntimeUnavailableError where the device failed meanwhile, which is then the cause of whatever else went wrong.
   */
  open(folder: ModelFolder, onEvent: (event: LoadEvent) => void): Promise<OpenedBackend>;
}

/** What can be tried, and why other things cannot. */
export interface BackendPlan {
  readonly candidates: readonly Candidate[];
  readonly reasons: readonly string[];
}

const NEVER = new Promise<string>(() => undefined);

/** The graphs of a tower. */
const KERNEL_GRAPHS: Readonly<Record<KernelTower, readonly KernelGraph[]>> = {
  decoder: ['embed_tokens', 'decoder'],
  vision: ['vision_encoder'],
};

/** What the app uses. */
const APP: Experiment = { kernels: null, tuning: '' };

/**
 * Looks at the machine and lists the candidates: with our own kernels first. Adapters that compute on the CPU take minutes to
 * compile those, so there onnxruntime's run, unless the experiment asks for ours.
 * Throws RuntimeUnavailableError when there is none, RangeError for a tuning that cannot be read.
 */
export async function planBackends(
  choice: BackendChoice,
  manifest: Manifest,
  experiment: Experiment = APP,
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
    } else if (probe.maxBindingBytes < manifest.largestTensorBytes) {
      const [limit, needed] = [probe.maxBindingBytes, manifest.largestTensorBytes].map((bytes) =>
        Math.ceil(bytes / 2 ** 20),
      );
      reasons.push(`The adapter binds at most ${limit} MB at once, the model's largest weight has ${needed} MB.`);
    } else if (choice === 'auto' && isSoftware(probe)) {
      reasons.push(`The only WebGPU adapter (${probe.description}) computes on the CPU, which WASM does faster.`);
      software.push(...webGpuCandidates(probe, manifest, experiment));
    } else {
      candidates.push(...webGpuCandidates(probe, manifest, experiment));
      if (candidates.length === 0)
        reasons.push(
          'It computes in f16 only, which the adapter cannot: convert it with dtype q4f16, which computes in f32, too.',
        );
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

function webGpuCandidates(probe: AdapterProbe, manifest: Manifest, experiment: Experiment): Candidate[] {
  const has = (variant: VariantName): boolean => manifest.variants.some(({ name }) => name === variant);
  const notes: string[] = [];
  const types: ('f16' | 'f32')[] = [];
  if (has('f16') && probe.hasF16) types.push('f16');
  else if (has('f16')) notes.push('The adapter has no shader-f16, so activations are f32.');
  else notes.push('The model folder has no f16 graphs, so activations are f32.');
  if (has('f32')) types.push('f32');
  const build = webGpuBuild();
  if (build === 'asyncify')
    notes.push('This browser has no WebAssembly.Suspending, so the slower asyncify build runs.');
  const wanted = experiment.kernels ?? usualKernels(probe);
  const kernelChoices: (readonly KernelTower[])[] = wanted.length > 0 ? [wanted, []] : [[]];
  const ways = kernelChoices.flatMap((kernels) =>
    types.flatMap((activations) =>
      (probe.hasSubgroups ? [true, false] : [false]).map((subgroups) => ({ kernels, activations, subgroups })),
    ),
  );
  return ways.map(({ kernels, activations, subgroups }) => ({
    info: { backend: 'webgpu' as const, build, kernels, activations, threads: 1, adapter: probe.description },
    variant: activations,
    notes,
    label: `WebGPU with ${kernels.length > 0 ? 'our own kernels, ' : ''}${activations} activations ${subgroups ? 'and' : 'without'} subgroups`,
    async open(folder, onEvent) {
      const ort = await loadOrt(build, 1);
      const device = await requestDevice({ f16: activations === 'f16', subgroups });
      const failure = deviceFailure(device);
      const runtime = createWebGpuRuntime(ort, device);
      const options = { folder, variant: activations, onEvent };
      try {
        if (kernels.length === 0) return { backend: await openOnnxBackend({ ...options, runtime }), failure };
        const own = createKernelRuntime(
          runtime,
          kernelModel(manifest, activations, kernels),
          parseTuning(experiment.tuning),
        );
        const backend = await openOnnxBackend({ ...options, runtime: own, selfTest: !own.testsItself });
        return { backend, failure, kernels: own };
      } catch (thrown) {
        const failed = await failureWithin(failure, FAILURE_REPORT_MS); // before the device is destroyed, which looks like its loss
        await runtime.dispose();
        throw failed ?? thrown;
      }
    },
  }));
}

/** What our kernels need to know of a model whose `kernels` they compute. */
function kernelModel(
  manifest: Manifest,
  activations: 'f16' | 'f32',
  kernels: readonly KernelTower[],
): Parameters<typeof createKernelRuntime>[1] {
  const graphs = manifest.variants.find(({ name }) => name === activations)?.graphs;
  if (graphs === undefined) throw new NamedError('ModelFolderError', `${manifest.name} has no ${activations} graphs.`);
  const names = kernels.flatMap((tower) => KERNEL_GRAPHS[tower]);
  const { text, vision } = manifest.geometry;
  return { text, vision, activations, graphs: new Map(names.map((name) => [graphs[name].file, name])) };
}

/** What our own kernels compute in the app. */
function usualKernels(probe: AdapterProbe): readonly KernelTower[] {
  return isSoftware(probe) ? [] : ['decoder', 'vision'];
}

function wasmCandidate(variant: VariantName): Candidate {
  const threads = wasmThreads();
  const isolated = globalThis.crossOriginIsolated;
  return {
    info: { backend: 'wasm', build: 'wasm', kernels: [], activations: 'f32', threads, adapter: '' },
    variant,
    notes: isolated ? [] : ['The page is not cross-origin isolated, so WASM runs on one thread.'],
    label: `WASM on ${threads} thread${threads === 1 ? '' : 's'}`,
    async open(folder, onEvent) {
      const runtime = createWasmRuntime(await loadOrt('wasm', threads));
      return { backend: await openOnnxBackend({ folder, variant, runtime, onEvent }), failure: NEVER };
    },
  };
}
