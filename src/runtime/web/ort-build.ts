/**
 * The builds of onnxruntime-web, each loaded only when it is chosen: `jspi` (native WebGPU, needs
 * WebAssembly.Suspending), `asyncify` (the same for browsers without it), `wasm` (no WebGPU).
 */
import asyncifyMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** A build's name. */
export type OrtBuild = 'jspi' | 'asyncify' | 'wasm';

/** The API, which every build has. */
export type Ort = typeof import('onnxruntime-web');

const BUILDS = {
  jspi: { load: (): Promise<Ort> => import('onnxruntime-web/jspi'), mjs: jspiMjs, wasm: jspiWasm },
  asyncify: { load: (): Promise<Ort> => import('onnxruntime-web/webgpu'), mjs: asyncifyMjs, wasm: asyncifyWasm },
  wasm: { load: (): Promise<Ort> => import('onnxruntime-web/wasm'), mjs: plainMjs, wasm: plainWasm },
} as const satisfies Record<OrtBuild, unknown>;

/** The WebGPU build this browser can run. */
export function webGpuBuild(): 'jspi' | 'asyncify' {
  return 'Suspending' in WebAssembly ? 'jspi' : 'asyncify';
}

/** Threads the WASM provider may use: more than one needs cross-origin isolation. */
export function wasmThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(8, Math.max(1, navigator.hardwareConcurrency)) : 1;
}

/** Loads a build and configures it. `threads` counts only the first time a build is loaded. */
export async function loadOrt(build: OrtBuild, threads: number): Promise<Ort> {
  const { load, mjs, wasm } = BUILDS[build];
  const ort = await load();
  const { env } = ort;
  env.wasm.wasmPaths = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href };
  env.wasm.numThreads = threads;
  env.logLevel = 'error';
  return ort;
}
