/**
 * `npm test`: installs what is missing, checks, builds, runs the tests, and ends with `N passed, N failed`. Each check and the
 * build count as one test. `npm test -- --all` runs the slow suites too; `npm test -- NAME ...` runs the suites named alone.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWhenStale } from './build.mjs';
import { runSteps, STEPS } from './check.mjs';
import { ensureChromium } from './chromium.mjs';
import { installMissing } from './install.mjs';
import { ensureLlvmpipe } from './llvmpipe.mjs';
import { messageOf, runNode } from './run.mjs';

/** Ends a suite that hangs. A machine six times slower than two ordinary cores takes half an hour. */
const HANGS_AFTER_MS = 80 * 60_000;

/** With `--all`, slow suites start no later than this, so that a slow machine ends within CI's 90 minutes. */
const SLOW_BEGIN_WITHIN_MS = 30 * 60_000;

/** @typedef {import('./test-list-reporter.mjs').TestOutcome} TestOutcome */

/**
 * A run of Vitest.
 * @typedef {object} Suite
 * @property {readonly string[]} args Vitest's arguments
 * @property {NodeJS.ProcessEnv} [env] variables to add
 * @property {boolean} needsBrowser
 * @property {boolean} [needsLlvmpipe] runs kernels in f16 on Mesa's driver, as far as it can be had
 */

/** @type {Readonly<Record<string, Suite>>} */
const SUITES = {
  quick: {
    args: ['--project', 'unit', '--project', 'cli', '--project', 'gpu', '--project', 'browser'],
    needsBrowser: true,
    needsLlvmpipe: true,
  },
  unit: { args: ['--project', 'unit'], needsBrowser: false },
  cli: { args: ['--project', 'cli'], needsBrowser: false },
  gpu: { args: ['--project', 'gpu'], needsBrowser: true, needsLlvmpipe: true },
  browser: { args: ['--project', 'browser'], needsBrowser: true },
  slow: { args: ['--project', 'slow'], needsBrowser: true },
  resume: {
    args: ['--project', 'unit', 'test/converter/resume.test.ts'],
    env: { RESUME_KILLS: process.env['RESUME_KILLS'] ?? '100' },
    needsBrowser: false,
  },
  kernels: {
    args: ['--project', 'gpu', 'test/backends/webgpu/models.test.ts', 'test/cli/webgpu.test.ts'],
    env: { KERNELS: 'real' },
    needsBrowser: true,
    needsLlvmpipe: true,
  },
};
const SLOW = ['slow', 'resume', 'kernels'];

/** @type {TestOutcome[]} */
const outcomes = [];
try {
  const { names, withChecks } = chosen(process.argv.slice(2));
  await installMissing();
  const suites = names.map((name) => suiteOf(name));
  if (suites.some(({ needsBrowser }) => needsBrowser)) process.env['CHROMIUM_PATH'] = await ensureChromium();
  if (suites.some(({ needsLlvmpipe }) => needsLlvmpipe === true)) {
    const llvmpipe = await ensureLlvmpipe();
    if (typeof llvmpipe === 'string') console.error(`Kernels in f16 are not tested. ${llvmpipe}`);
  }
  if (withChecks) {
    console.log('\n== Checks');
    outcomes.push(...(await runChecks()));
    console.log('\n== Build');
    outcomes.push(await build());
  }
  for (const [i, suite] of suites.entries()) {
    const name = names[i] ?? '';
    if (withChecks && SLOW.includes(name) && performance.now() > SLOW_BEGIN_WITHIN_MS) {
      const reason = 'the other tests took more than half an hour here; "npm run test:slow" runs it';
      outcomes.push({ name: `suite ${name}`, state: 'skipped', reason });
      continue;
    }
    console.log(`\n== Tests (${name})`);
    outcomes.push(...(await runVitest(suite)));
  }
} catch (error) {
  outcomes.push({ name: `npm test stopped: ${messageOf(error)}`, state: 'failed' });
}
summarize();

/**
 * Parses the arguments.
 * @param {readonly string[]} args
 * @returns {{ names: readonly string[], withChecks: boolean }}
 */
function chosen(args) {
  if (args.length === 0) return { names: ['quick'], withChecks: true };
  if (args.length === 1 && args[0] === '--all') return { names: ['quick', ...SLOW], withChecks: true };
  return { names: args.flatMap((name) => (name === '--slow' ? SLOW : [name])), withChecks: false };
}

/**
 * @param {string} name
 * @returns {Suite}
 */
function suiteOf(name) {
  const suite = SUITES[name];
  if (suite === undefined) {
    throw new Error(`There is no suite "${name}": use --all, --slow or some of ${Object.keys(SUITES).join(', ')}.`);
  }
  return suite;
}

/** @returns {Promise<TestOutcome[]>} */
async function runChecks() {
  const steps = STEPS.filter(({ kind }) => kind !== 'imports'); // one of the tests
  const passed = await runSteps(steps);
  return steps.map(({ title }, i) => ({ name: `check: ${title}`, state: passed[i] ? 'passed' : 'failed' }));
}

/** @returns {Promise<TestOutcome>} */
async function build() {
  try {
    await buildWhenStale();
    console.log('ok     build');
    return { name: 'build', state: 'passed' };
  } catch (error) {
    console.log(`FAILED build: ${messageOf(error)}`);
    return { name: 'build', state: 'failed' };
  }
}

/**
 * @param {Suite} suite
 * @returns {Promise<TestOutcome[]>}
 */
async function runVitest({ args, env }) {
  const folder = mkdtempSync(join(tmpdir(), 'visionthink-test-'));
  const list = join(folder, 'tests.json');
  try {
    const reporters = ['--reporter=default', '--reporter=./scripts/test-list-reporter.mjs'];
    const { code, timedOut } = await runNode('node_modules/vitest/vitest.mjs', ['run', ...reporters, ...args], {
      limitMs: HANGS_AFTER_MS,
      env: { ...env, TEST_LIST: list },
    });
    if (timedOut) {
      const minutes = HANGS_AFTER_MS / 60_000;
      return [{ name: `the tests hung: they took longer than ${minutes} minutes and were ended`, state: 'failed' }];
    }
    const tests = readTests(list);
    if (tests.length === 0) return [{ name: 'Vitest ran no tests', state: 'failed' }];
    if (code !== 0 && !tests.some((test) => test.state === 'failed')) {
      tests.push({ name: `Vitest ended with exit status ${code}`, state: 'failed' });
    }
    return tests;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {TestOutcome[]} none when Vitest did not get as far as writing them
 */
function readTests(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return [];
  }
}

function summarize() {
  const of = (/** @type {TestOutcome['state']} */ state) => outcomes.filter((outcome) => outcome.state === state);
  const [passed, failed, skipped] = [of('passed'), of('failed'), of('skipped')];
  console.log('\n== Summary');
  for (const { name, reason } of skipped) console.log(`skipped: ${name} (${reason ?? 'no reason given'})`);
  for (const { name } of failed) console.log(`FAILED: ${name}`);
  if (skipped.length > 0) console.log(`${skipped.length} skipped`);
  console.log(`${passed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 && passed.length > 0 ? 0 : 1;
}
