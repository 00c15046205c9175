/** The folder's graphs in a browser: onnxruntime-web on WebGPU, and on WebAssembly. */
import { cpuVariant, type Manifest } from '../../../model/manifest.ts';
import type { BackendOption } from '../../../protocol/engine-api.ts';
import type { BackendHost, BackendPlan, Candidate } from '../../backend-host.ts';
import { adapterWays } from '../../webgpu/adapter-ways.ts';
import { isSoftware, probeAdapter, requestDevice } from '../../webgpu/gpu/adapter.ts';
import { openOnDevice } from '../../webgpu/gpu/device-failure.ts';
import { ON_A_CARD } from '../../webgpu/options.ts';
import { openOnnxBackend } from '../onnx-backend.ts';
import { loadOrt, wasmThreads, webGpuBuild } from './ort-build.ts';
import { createWasmRuntime } from './wasm-runtime.ts';
import { createWebGpuRuntime } from './webgpu-runtime.ts';

const ON_WASM: BackendOption = { id: 'wasm', label: 'WebAssembly', device: 'cpu' };
const KERNELS = "onnxruntime's";
const SLOW_BUILD = 'This browser has no WebAssembly.Suspending, so the slower asyncify build runs.';
const NEVER = new Promise<string>(() => undefined);

/** onnxruntime-web. */
export const host: BackendHost = {
  options: [ON_A_CARD, ON_WASM],
  async plan({ manifest, choice }) {
    const onWasm = choice === ON_A_CARD.id ? [] : wasmCandidates(manifest);
    if (choice === ON_WASM.id) return { candidates: onWasm, reasons: [`${ON_WASM.label} was asked for.`] };
    const { candidates, reasons } = await planWebGpu(manifest, choice);
    return { candidates: [...candidates, ...onWasm], reasons };
  },
};

async function planWebGpu(manifest: Manifest, choice: string | null): Promise<BackendPlan> {
  const probe = await probeAdapter();
  if (typeof probe === 'string') return { candidates: [], reasons: [probe] };
  const { ways, refusal } = adapterWays(probe, manifest);
  const build = webGpuBuild();
  const candidates = ways.map(({ activations, device, features, notes }): Candidate => ({
    info: {
      backend: ON_A_CARD.id,
      title: ON_A_CARD.label,
      summary: `webgpu, onnxruntime ${build}`,
      kernels: KERNELS,
      build,
      activations,
      threads: 1,
      adapter: probe.description,
    },
    place: isSoftware(probe) ? 'emulation' : 'card',
    variant: activations,
    notes: build === 'asyncify' ? [...notes, SLOW_BUILD] : notes,
    label: `WebGPU with ${features}`,
    async open(folder, onEvent) {
      const ort = await loadOrt(build, 1);
      return openOnDevice(await requestDevice(device), async (gpu) => {
        const runtime = createWebGpuRuntime(ort, gpu);
        return { backend: await openOnnxBackend({ folder, variant: activations, runtime, onEvent }) };
      });
    },
  }));
  const reasons = refusal === null ? [] : [refusal];
  if (candidates.length > 0 && choice === null && isSoftware(probe)) {
    reasons.push(`The only WebGPU adapter (${probe.description}) computes on the CPU, which WASM does faster.`);
  }
  return { candidates, reasons };
}

/** None where the folder has no f32 graphs. */
function wasmCandidates(manifest: Manifest): readonly Candidate[] {
  const variant = cpuVariant(manifest);
  if (variant === undefined) return [];
  const threads = wasmThreads();
  const isolated = globalThis.crossOriginIsolated;
  return [
    {
      info: {
        backend: ON_WASM.id,
        title: ON_WASM.label,
        summary: `wasm, ${threads} threads`,
        kernels: KERNELS,
        build: 'wasm',
        activations: 'f32',
        threads,
        adapter: '',
      },
      place: 'cpu',
      variant,
      notes: isolated ? [] : ['The page is not cross-origin isolated, so WASM runs on one thread.'],
      label: `WebAssembly with ${threads} thread${threads === 1 ? '' : 's'}`,
      async open(folder, onEvent) {
        const runtime = createWasmRuntime(await loadOrt('wasm', threads));
        return { backend: await openOnnxBackend({ folder, variant, runtime, onEvent }), failure: NEVER };
      },
    },
  ];
}
