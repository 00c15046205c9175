/** Bundles a page's or a worker's script for a browser test. */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

/** One entry as a script that needs no module loader. */
export async function bundle(entry: URL): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, minify: false, lib: { entry: fileURLToPath(entry), formats: ['iife'], name: 'bundle' } },
  });
  const [first] = Array.isArray(built) ? built : [built];
  const chunk = first !== undefined && 'output' in first ? first.output[0] : undefined;
  if (chunk === undefined) throw new Error(`${entry.href} gave no bundle`);
  return chunk.code;
}
