/** Installs the packages of package-lock.json when node_modules lacks some of them. Needs nothing but Node and npm. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, runNode } from './run.mjs';

/** The oldest Node that the packages run on: 20.19. */
const OLDEST_NODE = /** @type {const} */ ([20, 19]);

/**
 * Runs `npm ci` when needed.
 * @param {{ output?: 'inherit' | 'stderr' }} [options] where npm writes
 */
export async function installMissing(options = {}) {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
    throw new Error(`Node ${process.versions.node} is too old: install Node ${OLDEST_NODE.join('.')} or newer.`);
  }
  const missing = firstMissingPackage();
  if (missing === undefined) return;
  console.error(`Installing packages with npm ci (${missing}) ...`);

  const npm = process.env['npm_execpath'];
  const output = options.output ?? 'inherit';
  const { code } = npm?.endsWith('.js')
    ? await runNode(npm, ['ci'], { output })
    : await run(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci'], { output });
  if (code !== 0) throw new Error(`npm ci failed with exit status ${code}: see its messages above.`);
}

/** Reason for an install; undefined when node_modules matches package-lock.json. */
function firstMissingPackage() {
  const expected = readPackages('package-lock.json');
  if (expected === undefined) throw new Error('package-lock.json is missing or unreadable: restore it from git.');
  const installed = readPackages('node_modules/.package-lock.json'); // written by npm after each install
  if (installed === undefined) return 'node_modules is missing';
  for (const [path, { version, optional }] of Object.entries(expected)) {
    if (path === '' || optional === true) continue; // optional ones may belong to another platform
    if (installed[path]?.version !== version) return `${path} is not at ${version}`;
  }
  return undefined;
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function readPackages(lockFile) {
  try {
    return JSON.parse(readFileSync(join(ROOT, lockFile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}
