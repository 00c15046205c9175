/** Builds the site into dist/ when it is missing or older than its sources. */
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runNode } from './run.mjs';

/** Everything a build depends on. */
const SOURCES = [
  'src',
  'workers',
  'public',
  'index.html',
  'bench.html',
  'kernels.html',
  'package-lock.json',
  'vite.config.ts',
];
const LIMIT_MS = 180_000;

/** The folder that holds the built site. */
export const DIST = join(ROOT, 'dist');

/** Builds when needed; throws when the build fails. */
export async function buildWhenStale() {
  const page = join(DIST, 'index.html');
  if (newest(SOURCES.map((name) => join(ROOT, name))) <= modified(page)) return;
  console.error('Building the site with Vite ...');
  const started = new Date();
  const { code, timedOut } = await runNode('node_modules/vite/bin/vite.js', ['build'], { limitMs: LIMIT_MS });
  if (timedOut) throw new Error(`The build took longer than ${LIMIT_MS / 1000} s and was ended.`);
  if (code !== 0) throw new Error(`The build failed with exit status ${code}: see its messages above.`);
  utimesSync(page, started, started); // a source changed while the build ran makes the next one stale
}

/**
 * Milliseconds of the latest change below any of the paths. Folders count, so that a removed file is noticed.
 * @param {readonly string[]} paths
 * @returns {number}
 */
function newest(paths) {
  let latest = 0;
  for (const path of paths) {
    latest = Math.max(latest, modified(path));
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      latest = Math.max(latest, newest(readdirSync(path).map((name) => join(path, name))));
    }
  }
  return latest;
}

/** @param {string} path */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
