/**
 * Steps submitted ahead of their tokens on WebGPU, computed in software by SwiftShader: the same tokens as one by one, and
 * no GPU buffer left behind.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { bundle } from '../helpers/bundle.ts';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { launchChromium } from '../helpers/chromium.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const ORT = fileURLToPath(new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { '.mjs': 'text/javascript', '.js': 'text/javascript' };
const PROMPT = Array.from({ length: 24 }, (_, i) => 10 + ((i * 37) % 300));
const TOKENS = 16;

let folder: string;
let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'visionthink-pipelined-'));
  // 8 bits, so that the embedding is looked up as in the bundled model.
  await convertCheckpoint(nodeFolder(tinyCheckpoint('nested-tied-bf16')), nodeFolder(folder), { dtype: 'q8' });
  const script = await bundle(new URL('./pipelined-decode.page.ts', import.meta.url));
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    response.setHeader('content-type', TYPES[extname(path)] ?? (path === '/' ? 'text/html' : 'application/wasm'));
    const [, root, file] = /^\/(ort|model)\/([\w.-]+)$/.exec(path) ?? [];
    if (file !== undefined) response.end(readFileSync(join(root === 'ort' ? ORT : folder, file)));
    else
      response.end(
        path === '/page.js' ? script : '<!doctype html><title>pipelined</title><script src="page.js"></script>',
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium(SWIFTSHADER);
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly inFlightDepth: number;
  readonly ids: readonly number[];
  readonly length: number;
  readonly readBacks: number;
  readonly liveBuffers: number;
}

async function needAdapter(skip: TestContext['skip']): Promise<void> {
  if (await page.evaluate(async () => 'gpu' in navigator && (await navigator.gpu.requestAdapter()) !== null)) return;
  console.warn('SKIPPED: this Chromium offers no WebGPU adapter, so pipelined decode was not tested on WebGPU.');
  skip('this Chromium offers no WebGPU adapter');
}

describe('pipelined decode on WebGPU', () => {
  it('gives the tokens of single steps, reads each back once, and leaves no buffers', async ({ skip }) => {
    await needAdapter(skip);
    const runs = await page.evaluate<Run[]>(`compare(${JSON.stringify(PROMPT)}, ${TOKENS}, [0, 4, 2, 4])`);
    const [single, first] = runs;
    expect(new Set(single?.ids).size).toBeGreaterThan(TOKENS / 2);
    for (const { inFlightDepth, ids, length, readBacks, liveBuffers } of runs) {
      expect(ids).toEqual(single?.ids);
      expect(length).toBe(PROMPT.length + TOKENS - 1);
      // Besides the requested tokens, only those that were in flight at the end: the embedding reads none back.
      expect(readBacks).toBe(TOKENS - 1 + Math.max(0, inFlightDepth - 1));
      if (inFlightDepth > 0) expect(liveBuffers).toBe(first?.liveBuffers);
    }
  });

  it('goes on in a cache that has grown', async ({ skip }) => {
    await needAdapter(skip);
    const [plain, grown] = await page.evaluate<number[][]>(`grow(${JSON.stringify(PROMPT)}, 16)`);
    expect(plain).toHaveLength(16);
    expect(grown).toEqual(plain);
  });

  it('ends with an error when the device is lost', async ({ skip }) => {
    await needAdapter(skip);
    expect(await page.evaluate(`lose(${JSON.stringify(PROMPT)})`)).toBe('AbortError');
  });
});
