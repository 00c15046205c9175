/** The commands, files and links in the documents exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const PAPERS = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .map((path) => `docs/${path}`);
const GUIDES = ['README.md', 'CONTRIBUTING.md', ...PAPERS];
/** These also describe the past: paths they name may be gone. */
const HISTORY = /^docs\/(log\.md|adr\/)/;

describe.each(GUIDES)('%s', (guide) => {
  const text = read(guide);

  it('links to files that are there', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link ?? '');
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(guide), link)))).toEqual([]);
  });

  if (HISTORY.test(guide)) return;
  it('names scripts and paths that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/\bnpm run (?:-s )?([a-z][a-z:-]*)/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
    const present = text.replaceAll(/^Planned[^]*?\n\n/gm, '');
    const paths = [...present.matchAll(/`((?:src|test|scripts|docs|workers|public|training)\/[\w./-]*)`/g)];
    expect(paths.map(([, path]) => path ?? '').filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

it('the log has its newest entry first, in short lines', () => {
  const lines = read('docs/log.md').split('\n');
  expect(lines.filter((line) => line.length > 140)).toEqual([]);
  const dates = lines.flatMap((line) => /^## (\d{4}-\d\d-\d\d)/.exec(line)?.[1] ?? []);
  expect(dates.length).toBeGreaterThan(5);
  expect(dates).toEqual(dates.toSorted().toReversed());
});
