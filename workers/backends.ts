/**
 * Which ways of computing this machine has, best first, and why. Each candidate is tried in turn: the first whose
 * arithmetic passes the attention check wins.
 */
import { cpuVariant, type Manifest, type VariantName } from '../src/model/manifest.ts';
import type { BackendChoice, BackendInfo } from '../src/protocol/engine-api.ts';
import { type AdapterProbe, isSoftware, probeAdapter, requestDevice } from '../src/runtime/web/adapter.ts';
import { loadOrt, wasmThreads, webGpuBuild } from '../src/runtime/web/ort-build.ts';
import { createWasmRuntime } from '../src/runtime/web/wasm-runtime.ts';
import { createWebGpuRuntime } from '../src/runtime/web/webgpu-runtime.ts';
import type { Runtime } from '../src/runtime/session.ts';
import { NamedError } from '../src/shared/errors.ts';

/** A way of computing, not started yet. */
export interface Candidate {
  readonly info: Omit<BackendInfo, 'reasons'>;
  /** The graphs it runs. */
  readonly variant: VariantName;
  /** Why it is not a better one; of interest once it is tried. */
  readonly notes: readonly string[];
  /** What sets it apart, for the sentence that says why it failed. */
  readonly label: string;
  start(): Promise<StartedRuntime>;
}

/** A runtime, and the news of its device's loss. */
export interface StartedRuntime {
  readonly runtime: Runtime;
  /** Resolves with the reason when the device is lost; never for WASM. */
  readonly lost: Promise<string>;
}

/** What can be tried, and why other things cannot. */
export interface BackendPlan {
  readonly candidates: readonly Candidate[];
  readonly reasons: readonly string[];
}

const NEVER = new Promise<string>(() => undefined);

/** Looks at the machine and lists the candidates. Throws RuntimeUnavailableError when there is none. */
export async function planBackends(choice: BackendChoice, manifest: Manifest): Promise<BackendPlan> {
  const candidates: Candidate[] = [];
  const reasons: string[] = [];
  const has = (variant: VariantName): boolean => manifest.variants.some(({ name }) => name === variant);
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
      software.push(...webGpuCandidates(probe, has));
    } else {
      candidates.push(...webGpuCandidates(probe, has));
    }
  }
  if (choice !== 'webgpu' && onCpu !== undefined) candidates.push(wasmCandidate(onCpu));
  candidates.push(...software);
  if (candidates.length === 0) {
    throw new NamedError(
      'RuntimeUnavailableError',
      `${manifest.name} (${manifest.dtype}) cannot run here. ${reasons.join(' ')} ` +
        'Use a browser with WebGPU, or convert the model with --dtype q4f16, which also runs without f16.',
    );
  }
  return { candidates, reasons };
}

function webGpuCandidates(probe: AdapterProbe, has: (variant: VariantName) => boolean): Candidate[] {
  const notes: string[] = [];
  const types: ('f16' | 'f32')[] = [];
  if (has('f16') && probe.hasF16) types.push('f16');
  else if (has('f16')) notes.push('The adapter has no shader-f16, so activations are f32.');
  else notes.push('The model folder has no f16 graphs, so activations are f32.');
  if (has('f32')) types.push('f32');
  const build = webGpuBuild();
  if (build === 'asyncify')
    notes.push('This browser has no WebAssembly.Suspending, so the slower asyncify build runs.');
  return types.flatMap((activations) =>
    (probe.hasSubgroups ? [true, false] : [false]).map((subgroups) => ({
      info: { backend: 'webgpu' as const, build, activations, threads: 1, adapter: probe.description },
      variant: activations,
      notes,
      label: `WebGPU with ${activations} activations ${subgroups ? 'and' : 'without'} subgroups`,
      async start() {
        const ort = await loadOrt(build, 1);
        const device = await requestDevice({ f16: activations === 'f16', subgroups });
        const lost = device.lost.then(({ reason, message }) => message || reason);
        return { runtime: createWebGpuRuntime(ort, device), lost };
      },
    })),
  );
}

function wasmCandidate(variant: VariantName): Candidate {
  const threads = wasmThreads();
  const isolated = globalThis.crossOriginIsolated;
  return {
    info: { backend: 'wasm', build: 'wasm', activations: 'f32', threads, adapter: '' },
    variant,
    notes: isolated ? [] : ['The page is not cross-origin isolated, so WASM runs on one thread.'],
    label: `WASM on ${threads} thread${threads === 1 ? '' : 's'}`,
    async start() {
      return { runtime: createWasmRuntime(await loadOrt('wasm', threads)), lost: NEVER };
    },
  };
}
