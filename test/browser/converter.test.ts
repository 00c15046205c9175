/** The converter's worker in Chromium: the same files as Node's converter writes, byte for byte, in the browser's own folder. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import type { ConversionProgress, ConversionResult } from '../../src/protocol/converter-api.ts';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

interface Converted {
  readonly result?: ConversionResult;
  readonly progress?: readonly ConversionProgress[];
  readonly error?: string;
  readonly message?: string;
  readonly hashes: Readonly<Record<string, string>>;
}

let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const files = new Map([
    ['/', '<!doctype html><title>converter</title><script src="page.js"></script>'],
    ['/page.js', await bundle(new URL('./converter.page.ts', import.meta.url))],
    ['/worker.js', await bundle(new URL('../../workers/converter.worker.ts', import.meta.url))],
  ]);
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    const [, checkpoint, file] = /^\/checkpoints\/([\w.-]+)\/([\w.-]+)$/.exec(path) ?? [];
    response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html');
    const isFile = checkpoint !== undefined && file !== undefined;
    response.end(isFile ? readFileSync(join(tinyCheckpoint(checkpoint), file)) : (files.get(path) ?? ''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/** Converts a golden checkpoint in the worker: all of its files but `without`, with `cut` bytes missing from the ends. */
function convert(
  name: string,
  dtype: 'fp32' | 'q8',
  { without = '', cut = {} }: { without?: string; cut?: Record<string, number> } = {},
): Promise<Converted> {
  const paths = readdirSync(tinyCheckpoint(name)).filter((path) => path !== without);
  return page.evaluate(`convert(...${JSON.stringify([name, paths, dtype, cut])})`);
}

/** Writes texts into a folder of the browser. */
function write(texts: readonly [path: string, text: string][], gone = false): Promise<Converted> {
  return page.evaluate(`write(...${JSON.stringify([texts, gone])})`);
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 of every file that Node's converter writes, by path. */
async function convertOnNode(name: string, dtype: 'fp32' | 'q8'): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'visionthink-converter-'));
  try {
    await convertCheckpoint(nodeFolder(tinyCheckpoint(name)), nodeFolder(folder), { dtype });
    return Object.fromEntries(readdirSync(folder).map((path) => [path, sha256(readFileSync(join(folder, path)))]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the converter worker', () => {
  it.each([
    ['nested-tied-bf16', 'q8'],
    ['flat-f16-sharded', 'fp32'],
  ] as const)('converts %s to %s, byte for byte as Node does', async (name, dtype) => {
    const { result, progress = [], hashes, message } = await convert(name, dtype);
    expect(message).toBeUndefined();
    const expected = await convertOnNode(name, dtype);
    expect(hashes).toEqual(expected);
    expect(result).toMatchObject({ name: 'checkpoint', dtype, files: Object.keys(expected).length - 1 });
    expect(progress.at(-1)?.done).toBe(progress.at(-1)?.total);
  });

  it('resumes each time its worker is terminated, and writes the same bytes', async () => {
    const name = 'flat-f16-sharded';
    const args = [name, readdirSync(tinyCheckpoint(name)), 'q8', [1, 9, 30, 40, 2]];
    const { hashes, seen } = await page.evaluate<{ hashes: Record<string, string>; seen: string[][] }>(
      `convertKilled(...${JSON.stringify(args)})`,
    );
    expect(hashes).toEqual(await convertOnNode(name, 'q8'));
    expect(seen).toHaveLength(6);
  });

  it('reports a named error for a bad checkpoint, and writes nothing', async () => {
    const cut = await convert('nested-tied-bf16', 'q8', { cut: { 'model.safetensors': 1000 } });
    expect(cut).toMatchObject({ error: 'SafetensorsError', hashes: {} });
    expect(cut.message).toContain('model.safetensors');

    const shard = 'model-00002-of-00002.safetensors';
    const missing = await convert('flat-f16-sharded', 'q8', { without: shard });
    expect(missing).toMatchObject({ error: 'SafetensorsError', hashes: {} });
    expect(missing.message).toContain(shard);

    const noConfig = await convert('nested-tied-bf16', 'q8', { without: 'config.json' });
    expect(noConfig).toMatchObject({ error: 'CheckpointError', hashes: {} });
  });
});

describe('a folder of the browser', () => {
  it('takes files in subfolders, and replaces what a file held', async () => {
    const { hashes } = await write([
      ['a/b/c.txt', 'first, and longer'],
      ['d.txt', ''],
      ['a/b/c.txt', 'second'],
    ]);
    expect(hashes).toEqual({ 'a/b/c.txt': sha256('second'), 'd.txt': sha256('') });
  });

  it('names the file that could not be written', async () => {
    expect(await write([['a.txt', 'text']], true)).toMatchObject({
      error: 'StorageError',
      message: expect.stringContaining('a.txt could not be written'),
    });
    expect(await write([['../a.txt', 'text']])).toMatchObject({ error: 'StorageError' });
  });
});
