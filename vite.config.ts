/** Configuration of the build and the development server. */
import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig, type Plugin } from 'vite';

/** The headers that a page needs for SharedArrayBuffer, hence for WASM threads. scripts/serve.mjs sends the same. */
const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * transformers.js serves as a tokenizer only, yet imports onnxruntime-web as a whole. Inside it that import gets
 * onnxruntime-common instead, which has the one class it touches (Tensor) and no WASM. Our own src/runtime is not affected.
 * `@huggingface/transformers?upstream` is the same file as another module that keeps its runtime, for comparisons.
 */
function tokenizerWithoutRuntime(): Plugin {
  const upstream = '@huggingface/transformers?upstream';
  return {
    name: 'tokenizer-without-runtime',
    enforce: 'pre',
    async resolveId(source, importer) {
      if (source === upstream) {
        const library = await this.resolve('@huggingface/transformers', importer, { skipSelf: true });
        return library === null ? null : `${library.id}?upstream`;
      }
      if (!/^onnxruntime-web(\/|$)/.test(source)) return null;
      if (importer === undefined || !importer.includes('/node_modules/@huggingface/transformers/')) return null;
      if (importer.endsWith('?upstream')) return null;
      return this.resolve('onnxruntime-common', importer, { skipSelf: true });
    },
  };
}

export default defineConfig(({ command }) => {
  // Tests run with NODE_ENV=test; a site built from there must not carry React's development build.
  if (command === 'build') process.env['NODE_ENV'] = 'production';
  return {
    base: './', // so that the site works below any path
    plugins: [tokenizerWithoutRuntime(), react()],
    resolve: {
      // The builds of onnxruntime-web that take their .wasm from a URL instead of carrying the loader in themselves.
      conditions: ['onnxruntime-web-use-extern-wasm', ...defaultClientConditions],
    },
    worker: { format: 'es', plugins: () => [tokenizerWithoutRuntime()] },
    // Dependencies that are optimized go around plugins, and onnxruntime-web finds its files by import.meta.url.
    optimizeDeps: { exclude: ['@huggingface/transformers', 'onnxruntime-web', 'onnxruntime-common'] },
    build: {
      target: 'esnext',
      chunkSizeWarningLimit: 1000,
      rolldownOptions: { input: ['index.html', 'bench.html', 'kernels.html'] },
    },
    server: { headers: ISOLATION_HEADERS },
    preview: { headers: ISOLATION_HEADERS },
  };
});
