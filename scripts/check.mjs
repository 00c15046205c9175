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
const HANGS_AFTER_MS = 20 * 60_000;
/** Steps at a time. */
const AT_ONCE = 2;

/** Every step, slow ones first. @type {readonly Step[]} */
export const STEPS = [
  {
    kind: 'lint',
    title: 'lint',
    script: 'node_modules/oxlint/bin/oxlint',
    args: ['--type-aware', '--deny-warnings', '--report-unused-disable-directives'],
  },
  ...['page', 'worker', 'node'].map((thread) => ({
    kind: 'types',
    title: `types of the ${thread}`,
    script: TSC,
    args: ['-p', `tsconfig.${thread}.json`],
  })),
  { kind: 'dead', title: 'dead code', script: 'node_modules/knip/bin/knip.js', args: ['--no-progress'] },
  { kind: 'format', title: 'format', script: 'node_modules/oxfmt/bin/oxfmt', args: ['--check'] },
  {
    kind: 'imports',
    title: 'import table',
    script: 'node_modules/vitest/vitest.mjs',
    args: ['run', '--project', 'unit', 'test/house/import-table.test.ts'],
  },
];

/**
 * Runs steps, a few at a time.
 * @param {readonly Step[]} steps
 * @returns {Promise<boolean[]>} whether each passed
 */
export async function runSteps(steps) {
  /** @type {boolean[]} */
  const passed = [];
  let next = 0;
  const work = async () => {
    for (let i = next++; i < steps.length; i = next++) {
      const step = steps[i];
      if (step !== undefined) passed[i] = await runStep(step);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return passed;
}

/**
 * Runs one step and prints its output only when it fails.
 * @param {Step} step
 * @returns {Promise<boolean>} whether it passed
 */
async function runStep(step) {
  const started = performance.now();
  const { code, timedOut, output } = await runNode(step.script, step.args, {
    output: 'capture',
    limitMs: HANGS_AFTER_MS,
  });
  const passed = code === 0 && !timedOut;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${step.title} (${seconds} s)`);
  if (!passed) console.log(output.trimEnd());
  if (timedOut) console.log(`${step.title} took longer than ${HANGS_AFTER_MS / 60_000} minutes and was ended.`);
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
  const passed = await runSteps(steps);
  process.exitCode = passed.every(Boolean) ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv[2]).catch(fail);
