/**
 * The JavaScript that the site loads before it can do anything: the page's entry, the engine worker's entry, and everything
 * they import statically. Not counted: wasm and dynamic imports.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DIST } from './build.mjs';
import { fail } from './run.mjs';

/**
 * @typedef {object} SizedFile
 * @property {string} path relative to the site's root
 * @property {'page' | 'worker'} thread
 * @property {number} gzipBytes
 */

/**
 * Lists the initial JavaScript of a built site. Throws when the site, its entry or its engine worker is missing.
 * @param {string} [site] the folder
 * @returns {Promise<{ files: SizedFile[], gzipBytes: number }>}
 */
export async function initialJavaScript(site = DIST) {
  const page = join(site, 'index.html');
  if (!existsSync(page)) throw new Error(`${page} is missing: run "npm run build" first.`);
  const { parseSync } = await import('oxc-parser');

  /** @type {Map<string, SizedFile>} */
  const files = new Map();
  /** @type {(file: string, thread: SizedFile['thread']) => void} */
  const add = (file, thread) => {
    if (files.has(file)) return;
    const source = readFileSync(file);
    files.set(file, { path: relative(site, file), thread, gzipBytes: gzipSync(source).length });
    const { module } = parseSync(basename(file), source.toString('utf8'));
    const reExported = module.staticExports.flatMap(({ entries }) =>
      entries.map((entry) => entry.moduleRequest?.value),
    );
    for (const specifier of [...module.staticImports.map((found) => found.moduleRequest.value), ...reExported]) {
      if (specifier !== undefined) add(resolve(file, '..', specifier), thread);
    }
  };

  for (const path of scriptsOf(readFileSync(page, 'utf8'))) add(resolve(site, path.replace(/^\//, '')), 'page');
  if (files.size === 0) throw new Error(`${page} has no module script.`);
  const workers = readdirSync(join(site, 'assets')).filter((name) => /^engine\.worker-.*\.js$/.test(name));
  if (workers.length !== 1)
    throw new Error(`Expected one engine.worker-*.js in ${site}/assets, found ${workers.length}.`);
  for (const name of workers) add(join(site, 'assets', name), 'worker');

  const list = [...files.values()];
  return { files: list, gzipBytes: list.reduce((sum, file) => sum + file.gzipBytes, 0) };
}

/**
 * The scripts a page loads at once: module scripts and module preloads.
 * @param {string} html
 */
function scriptsOf(html) {
  const attribute = (/** @type {string} */ tag, /** @type {string} */ name) =>
    new RegExp(`\\s${name}\\s*=\\s*["']([^"']*)["']`).exec(tag)?.[1];
  const tags = html.match(/<(?:script|link)\s[^>]*>/g) ?? [];
  return tags.flatMap((tag) => {
    if (tag.startsWith('<script')) return attribute(tag, 'src') ?? [];
    return attribute(tag, 'rel') === 'modulepreload' ? (attribute(tag, 'href') ?? []) : [];
  });
}

async function main() {
  const { files, gzipBytes } = await initialJavaScript();
  for (const file of files)
    console.log(`${String(file.gzipBytes).padStart(8)} B  ${file.thread.padEnd(6)}  ${file.path}`);
  console.log(`${String(gzipBytes).padStart(8)} B  in all, gzipped`);
  console.log(JSON.stringify({ gzipBytes, files }));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main().catch(fail);
