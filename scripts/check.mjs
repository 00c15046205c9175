/**
 * `npm run check`: types, lint, format, dead code, import table. `npm run check:NAME` runs the steps of one kind. Each step
 * reads files only; nothing is rewritten.
 */
import { pathToFileURL } from 'node:url';
import { installMissing } from './install.mjs';
import { fail, runNode } from './run.mjs';

/**
 * @typedef {object} Step
 * @property {string} kind what `npm run check:KIND` names
 * @property {string} title
 * @property {string} script
 * @property {readonly string[]} args
 */

const TSC = 'node_modules/typescript/bin/tsc';
const STEP_LIMIT_MS = 120_000;

/** Every step, quick ones first. @type {readonly Step[]} */
export const STEPS = [
  { kind: 'format', title: 'format', script: 'node_modules/oxfmt/bin/oxfmt', args: ['--check'] },
  ...['page', 'worker', 'node'].map((thread) => ({
    kind: 'types',
    title: `types of the ${thread}`,
    script: TSC,
    args: ['-p', `tsconfig.${thread}.json`],
  })),
  {
    kind: 'lint',
    title: 'lint',
    script: 'node_modules/oxlint/bin/oxlint',
    args: ['--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  },
  { kind: 'dead', title: 'dead code', script: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  {
    kind: 'imports',
    title: 'import table',
    script: 'node_modules/vitest/vitest.mjs',
    args: ['run', '--project', 'unit', 'test/house/import-table.test.ts'],
  },
];

/**
 * Runs one step and prints its output only when it fails.
 * @param {Step} step
 * @param {number} [limitMs]
 * @returns {Promise<boolean>} whether it passed
 */
export async function runStep(step, limitMs = STEP_LIMIT_MS) {
  const started = performance.now();
  const { code, timedOut, output } = await runNode(step.script, step.args, { output: 'capture', limitMs });
  const passed = code === 0 && !timedOut;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${step.title} (${seconds} s)`);
  if (!passed) console.log(output.trimEnd());
  if (timedOut) console.log(`${step.title} took longer than ${limitMs / 1000} s and was ended.`);
  return passed;
}

/** @param {string | undefined} kind */
async function main(kind) {
  const steps = STEPS.filter((step) => kind === undefined || step.kind === kind);
  if (steps.length === 0) {
    throw new Error(
      `There is no check "${kind}": choose one of ${[...new Set(STEPS.map((step) => step.kind))].join(', ')}.`,
    );
  }
  await installMissing();
  let failed = 0;
  for (const step of steps) if (!(await runStep(step))) failed += 1;
  process.exitCode = failed === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv[2]).catch(fail);
