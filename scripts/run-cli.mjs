/**
 * `npm run ask -- ...` and `npm run convert -- ...`: installs what is missing, then runs src/cli/NAME.ts. Only the CLI
 * writes to stdout; everything else goes to stderr.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installMissing } from './install.mjs';
import { fail, ROOT, runNode } from './run.mjs';

const [name = '', ...args] = process.argv.slice(2);
try {
  const folder = join(ROOT, 'src/cli');
  if (!/^[a-z-]+$/.test(name) || !existsSync(join(folder, `${name}.ts`))) {
    const known = readdirSync(folder).filter((file) => file.endsWith('.ts'));
    throw new Error(`There is no CLI "${name}": choose one of ${known.join(', ').replaceAll('.ts', '')}.`);
  }
  await installMissing({ output: 'stderr' });
  // Paths among the arguments are relative to the caller's folder, which npm passes in INIT_CWD after changing to the root.
  const cwd = process.env['npm_lifecycle_event'] === name ? process.env['INIT_CWD'] : undefined;
  const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs');
  const { code } = await runNode(tsx, [join(folder, `${name}.ts`), ...args], { cwd: cwd ?? process.cwd() });
  process.exitCode = code;
} catch (error) {
  fail(error);
}
