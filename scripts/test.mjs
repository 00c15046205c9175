/**
 * `npm test`: installs what is missing, checks, builds, runs every test, and ends with `N passed, N failed`. Each check and
 * the build count as one test.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWhenStale } from './build.mjs';
import { runStep, STEPS } from './check.mjs';
import { ensureChromium } from './chromium.mjs';
import { installMissing } from './install.mjs';
import { ensureLlvmpipe } from './llvmpipe.mjs';
import { messageOf, runNode } from './run.mjs';

const WHOLE_LIMIT_MS = 11.5 * 60_000; // installing Chromium not counted

/** @typedef {import('./test-list-reporter.mjs').TestOutcome} TestOutcome */

/** @type {TestOutcome[]} */
const outcomes = [];
try {
  await installMissing();
  process.env['CHROMIUM_PATH'] = await ensureChromium();
  const llvmpipe = await ensureLlvmpipe();
  if (typeof llvmpipe === 'string') console.error(`Kernels in f16 are not tested. ${llvmpipe}`);
  const deadline = performance.now() + WHOLE_LIMIT_MS;

  console.log('\n== Checks');
  for (const step of STEPS) {
    if (step.kind === 'imports') continue; // one of the tests below
    outcomes.push({ name: `check: ${step.title}`, state: (await runStep(step)) ? 'passed' : 'failed' });
  }

  console.log('\n== Build');
  outcomes.push(await build());

  console.log('\n== Tests');
  outcomes.push(...(await runVitest(deadline - performance.now())));
} catch (error) {
  outcomes.push({ name: `npm test stopped: ${messageOf(error)}`, state: 'failed' });
}
summarize();

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
 * @param {number} limitMs
 * @returns {Promise<TestOutcome[]>}
 */
async function runVitest(limitMs) {
  const folder = mkdtempSync(join(tmpdir(), 'visionthink-test-'));
  const list = join(folder, 'tests.json');
  try {
    const args = ['run', '--reporter=default', '--reporter=./scripts/test-list-reporter.mjs'];
    const { code, timedOut } = await runNode('node_modules/vitest/vitest.mjs', args, {
      limitMs: Math.max(limitMs, 1),
      env: { TEST_LIST: list },
    });
    if (timedOut)
      return [{ name: `the tests took longer than ${Math.round(limitMs / 1000)} s and were ended`, state: 'failed' }];
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
  for (const { name, reason } of passed) {
    if (reason !== undefined) console.log(`passed only when tried again: ${name} (${reason.split('\n', 1)[0]})`);
  }
  for (const { name } of failed) console.log(`FAILED: ${name}`);
  if (skipped.length > 0) console.log(`${skipped.length} skipped`);
  console.log(`${passed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 && passed.length > 0 ? 0 : 1;
}
