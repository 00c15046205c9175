/**
 * Both towers by our kernels on WebGPU, computed in software by SwiftShader, against onnxruntime on the same device:
 * the same tokens in chains and by drafts, the same logits, the same features of pictures.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import type { Dtype } from '../../src/converter/precision.ts';
import { nodeFolder, nodeSink } from '../../src/io/node/node-folder.ts';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';
import type { Tuning } from '../../src/kernels/tuning.ts';
import type { Order, Outcome, VisionOrder, VisionOutcome } from './kernels.page.ts';

const ORT = fileURLToPath(new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url));
const TYPES: Readonly<Record<string, string>> = { '.mjs': 'text/javascript', '.js': 'text/javascript' };
/** Checkpoint, dtype, and tokens of the prompt: 300 make attention compute the cache in parts. */
const CASES: readonly (readonly [string, Dtype, number])[] = [
  ['nested-tied-bf16', 'q8', 24],
  ['nested-tied-bf16', 'q4', 300],
  ['flat-f16-sharded', 'fp32', 24],
];
/** The same of the vision tower, of several widths and window sizes; null: the folder above. */
const VISION_CASES: readonly (readonly [string, Dtype])[] = [
  ['nested-tied-bf16', 'q8'],
  ['nested-tied-bf16', 'q4'],
  ['flat-f16-sharded', 'fp32'],
  ['rope-scaling-mixed', 'fp16'],
];
/** Patches: one window that is not full, several with cut ones at both edges, and some tiles of keys. */
const GRIDS: VisionOrder['grids'] = [
  [4, 6],
  [18, 10],
  [8, 20],
];
/** Small kernels, which SwiftShader compiles in less time. */
const SMALL: Partial<Tuning> = {
  tile: 32,
  columns: 2,
  threadsPerRow: 8,
  matvecThreads: 16,
  rowsPerThread: 1,
  headRowsPerThread: 2,
  visionQueries: 16,
};

/** Of logits, relative to the largest. */
const TOLERANCE = 1e-3;
const F16_TOLERANCE = 1e-2;
const VISION_TOLERANCE = 1e-4;

const folders = new Map<string, string>();
let server: Server;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  for (const [name, dtype] of [...CASES, ...VISION_CASES]) {
    if (folders.has(`${name}-${dtype}`)) continue;
    const folder = mkdtempSync(join(tmpdir(), 'visionthink-kernels-'));
    await convertCheckpoint(nodeFolder(tinyCheckpoint(name)), nodeSink(folder), { dtype });
    folders.set(`${name}-${dtype}`, folder);
  }
  const script = await bundle(new URL('./kernels.page.ts', import.meta.url));
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    response.setHeader('content-type', TYPES[extname(path)] ?? (path === '/' ? 'text/html' : 'application/wasm'));
    const [, root = '', file] = /^\/([\w-]+)\/([\w.-]+)$/.exec(path) ?? [];
    if (file !== undefined) response.end(readFileSync(join(root === 'ort' ? ORT : (folders.get(root) ?? ''), file)));
    else
      response.end(
        path === '/page.js' ? script : '<!doctype html><title>kernels</title><script src="page.js"></script>',
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  browser = await launchChromium(SWIFTSHADER);
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}, 60_000);

afterAll(async () => {
  await browser?.close();
  server?.close();
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
});

function ask(order: Partial<Order>): Promise<Outcome> {
  return page.evaluate<Outcome>(
    `answer(${JSON.stringify({ activations: 'f32', kernels: true, tuning: SMALL, tokens: 12, ...order })})`,
  );
}

function show(order: Partial<VisionOrder>): Promise<VisionOutcome> {
  return page.evaluate<VisionOutcome>(
    `look(${JSON.stringify({ activations: 'f32', kernels: true, tuning: SMALL, grids: GRIDS, ...order })})`,
  );
}

/** The largest difference, relative to the largest expected value. */
function relativeError(found: readonly number[], expected: readonly number[]): number {
  expect(found.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found[i] ?? NaN) - value))) / largest;
}

/** Any ids of the tiny vocabularies. */
function promptOf(length: number): number[] {
  return Array.from({ length }, (_, i) => 10 + ((i * 37 + (i >> 3)) % 300));
}

describe('the kernels', () => {
  it.each(CASES)(
    'give what onnxruntime gives: %s, %s, %i tokens',
    async (name, dtype, length) => {
      const order = { folder: `${name}-${dtype}/`, prompt: promptOf(length) };
      const right = await ask({ ...order, kernels: false });
      const ours = await ask(order);
      expect(ours.errors).toEqual([]);
      expect(relativeError(ours.first, right.first)).toBeLessThan(TOLERANCE);
      expect(ours.chained).toEqual(right.chained);
      expect(ours.drafted).toEqual(right.chained);
      expect(relativeError(ours.last, right.last)).toBeLessThan(TOLERANCE);
    },
    60_000,
  );

  it('come close to that with the cache in f16, and sums by subgroups', async () => {
    const order = { folder: 'nested-tied-bf16-q8/', prompt: promptOf(24) };
    const exact = await ask({ ...order, kernels: false });
    const { threadsPerRow: _bySubgroup, ...tuning } = SMALL;
    const rounded = await ask({ ...order, activations: 'f16', subgroups: true, tuning });
    expect(rounded.errors).toEqual([]);
    expect(relativeError(rounded.first, exact.first)).toBeLessThan(F16_TOLERANCE);
    expect(rounded.drafted).toEqual(rounded.chained);
  }, 120_000);

  it.each(VISION_CASES)(
    'see what onnxruntime sees: %s, %s',
    async (name, dtype) => {
      const folder = `${name}-${dtype}/`;
      const right = await show({ folder, kernels: false });
      const ours = await show({ folder });
      expect(ours.errors).toEqual([]);
      ours.features.forEach((features, i) => {
        const error = relativeError(features, right.features[i] ?? []);
        console.log('ERR', name, dtype, i, error);
        expect(error).toBeLessThan(VISION_TOLERANCE);
      });
    },
    60_000,
  );
});
