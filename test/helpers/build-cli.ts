/**
 * Bundles the command-line tools once a run, so that a test that starts one does not pay for compiling all of src again.
 * They run as `src/cli` does: the folder lies as deep in the repository, and packages stay where they are.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRIES = [...readdirSync(`${ROOT}src/cli`).map((file) => `src/cli/${file}`), 'test/helpers/convert-child.ts'];

/** The folder of the bundles, one `NAME.mjs` a tool. Ends with a slash. */
export const BUILT_CLI = `${ROOT}.cache/cli/`;

/** Vitest calls it before the first test file. */
export async function setup(): Promise<void> {
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    build: {
      ssr: true,
      minify: false,
      outDir: BUILT_CLI,
      emptyOutDir: true,
      copyPublicDir: false,
      rolldownOptions: {
        input: ENTRIES.map((file) => ROOT + file),
        output: { entryFileNames: '[name].mjs', chunkFileNames: '[name]-[hash].mjs' },
      },
    },
  });
}
