/** What the README tells people to type exists. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

it('every npm script that the README names is in package.json', () => {
  const named = [...read('README.md').matchAll(/npm (?:run (?:-s )?)?([a-z][a-z-]*)/g)].map((match) => match[1] ?? '');
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
