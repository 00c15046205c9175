import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildWhenStale } from '../../scripts/build.mjs';
import { initialJavaScript } from '../../scripts/size.mjs';

const LIMIT_BYTES = 280_000;

describe('the initial JavaScript', () => {
  beforeAll(buildWhenStale);

  it(`is at most ${LIMIT_BYTES / 1000} kB, gzipped`, async () => {
    const { files, gzipBytes } = await initialJavaScript();
    const biggest = files.map(({ path, gzipBytes: bytes }) => `${path}: ${bytes} B`).join('\n');
    expect(gzipBytes, biggest).toBeLessThanOrEqual(LIMIT_BYTES);
  });

  it('counts entries, preloads, the worker and static imports once each, and no dynamic imports', async () => {
    const site = mkdtempSync(join(tmpdir(), 'size-test-'));
    const sources: Record<string, string> = {
      'main-1.js': "import './shared-1.js'; export { x } from './re-exported-1.js'; import('./later-1.js');",
      'shared-1.js': 'export const a = 1;',
      're-exported-1.js': "import './shared-1.js'; export const x = 1;",
      'preloaded-1.js': '',
      'later-1.js': 'export {};',
      'engine.worker-1.js': "import './tokenizer-1.js';",
      'tokenizer-1.js': 'export {};',
      'converter.worker-1.js': 'export {};',
    };
    try {
      mkdirSync(join(site, 'assets'));
      for (const [name, source] of Object.entries(sources)) writeFileSync(join(site, 'assets', name), source);
      writeFileSync(
        join(site, 'index.html'),
        '<script type="module" crossorigin src="./assets/main-1.js"></script>' +
          '<link rel="modulepreload" crossorigin href="/assets/preloaded-1.js"><link rel="icon" href="./icon.svg">',
      );
      const { files, gzipBytes } = await initialJavaScript(site);
      const counted = ['main-1', 'shared-1', 're-exported-1', 'preloaded-1', 'engine.worker-1', 'tokenizer-1'];
      expect(files.map(({ path }) => path).toSorted()).toEqual(counted.map((name) => `assets/${name}.js`).toSorted());
      expect(gzipBytes).toBe(counted.reduce((sum, name) => sum + gzipSync(sources[`${name}.js`] ?? '').length, 0));
    } finally {
      rmSync(site, { recursive: true });
    }
  });

  it('cannot be counted where there is no site', async () => {
    await expect(initialJavaScript(join(tmpdir(), 'no-such-site'))).rejects.toThrow('npm run build');
  });
});
