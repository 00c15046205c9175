/** URLs of onnxruntime-web's builds as the site serves them. */
import asyncifyMjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url';
import asyncifyWasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url';
import jspiMjs from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.mjs?url';
import jspiWasm from 'onnxruntime-web/ort-wasm-simd-threaded.jspi.wasm?url';
import plainMjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url';
import plainWasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';

/** A build's name. */
export type OrtBuild = 'jspi' | 'asyncify' | 'wasm';

const FILES = {
  jspi: { mjs: jspiMjs, wasm: jspiWasm },
  asyncify: { mjs: asyncifyMjs, wasm: asyncifyWasm },
  wasm: { mjs: plainMjs, wasm: plainWasm },
} as const satisfies Record<OrtBuild, unknown>;

/** Absolute URLs of a build's two files, for `env.wasm.wasmPaths`. */
export function ortFiles(build: OrtBuild): { readonly mjs: string; readonly wasm: string } {
  const { mjs, wasm } = FILES[build];
  return { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href };
}
