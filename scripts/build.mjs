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
const HANGS_AFTER_MS = 20 * 60_000;

/** The folder that holds the built site. */
export const DIST = join(ROOT, 'dist');

/** Builds the site when it is stale. Throws when the build fails. */
export async function buildWhenStale() {
  const page = join(DIST, 'index.html');
  if (newest(SOURCES.map((name) => join(ROOT, name))) <= modified(page)) return;
  console.error('Building the site with Vite ...');
  const started = new Date();
  const { code, timedOut } = await runNode('node_modules/vite/bin/vite.js', ['build'], { limitMs: HANGS_AFTER_MS });
  if (timedOut) throw new Error(`The build took longer than ${HANGS_AFTER_MS / 60_000} minutes and was ended.`);
  if (code !== 0) throw new Error(`The build failed with exit status ${code}: see its messages above.`);
  utimesSync(page, started, started); // a source that changed during the build makes it stale again
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
