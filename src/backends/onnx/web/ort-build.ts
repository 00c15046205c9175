/**
 * The builds of onnxruntime-web, each loaded only when chosen: `jspi` (native WebGPU, needs
 * WebAssembly.Suspending), `asyncify` (the same for browsers without it), `wasm` (no WebGPU).
 */
import { ortFiles, type OrtBuild } from './ort-files.ts';

/** The API, which every build has. */
export type Ort = typeof import('onnxruntime-web');

const BUILDS = {
  jspi: () => import('onnxruntime-web/jspi'),
  asyncify: () => import('onnxruntime-web/webgpu'),
  wasm: () => import('onnxruntime-web/wasm'),
} as const satisfies Record<OrtBuild, () => Promise<Ort>>;

/** The WebGPU build this browser can run. */
export function webGpuBuild(): 'jspi' | 'asyncify' {
  return 'Suspending' in WebAssembly ? 'jspi' : 'asyncify';
}

/** Threads for the WASM provider: more than one requires cross-origin isolation. */
export function wasmThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(8, Math.max(1, navigator.hardwareConcurrency)) : 1;
}

/** Loads a build and configures it. `threads` takes effect only the first time a build is loaded. */
export async function loadOrt(build: OrtBuild, threads: number): Promise<Ort> {
  const ort: Ort = await BUILDS[build]();
  const { env } = ort;
  env.wasm.wasmPaths = ortFiles(build);
  env.wasm.numThreads = threads;
  env.logLevel = 'error';
  return ort;
}
