/**
 * Both towers by our kernels on WebGPU, computed in software by SwiftShader, against onnxruntime on the CPU: the same features
 * of pictures, the same logits, the same tokens by pipelined and by speculative decoding.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import type { Dtype } from '../../src/converter/dtypes.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import type { Tuning } from '../../src/backends/webgpu/gpu/tuning.ts';
import { TensorFeatures } from '../../src/backends/onnx/image-features.ts';
import type { ImageFeatures } from '../../src/engine/backend.ts';
import { SWIFTSHADER } from '../../scripts/chromium.mjs';
import { bundle } from '../helpers/bundle.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { openParts, tinyCheckpoint } from '../helpers/tiny-model.ts';
import { continuePrompt, lookAt, type Questions } from './kernels-questions.ts';
import type { Answers, Failures, Order } from './kernels.page.ts';

/** A small model, its dtype, and the options of its run. */
interface Case {
  readonly checkpoint: string;
  readonly dtype: Dtype;
  /** Tokens of the prompt: 600 make attention use KV splits, and exceed the rows that scratch buffers keep. */
  readonly length: number;
  readonly order: Partial<Order>;
  /** Tolerance of logits and features, relative to the largest. */
  readonly tolerance: number;
}

/** Small kernels, which SwiftShader compiles faster: with one column the skinny GEMM is the GEMV. */
const SMALL: Partial<Tuning> = {
  tile: 16,
  columns: 1,
  threadsPerRow: 8,
  gemvThreads: 16,
  rowsPerThread: 1,
  blocksAhead: 1,
  wideThreadsPerRow: 8,
  wideThreads: 16,
  wideBlocksAhead: 1,
  visionQueries: 16,
};
/** More than one of everything that a thread can compute several of. */
const LARGER: Partial<Tuning> = { ...SMALL, columns: 2, rowsPerThread: 2, blocksAhead: 2, visionQueries: 32 };
const { threadsPerRow: _bySubgroup, ...BY_SUBGROUP } = SMALL;

/** Whole models: one of quantized weights and many tokens, one of stored floats, one in f16. Each kernel in each format has cases. */
const CASES: readonly Case[] = [
  { checkpoint: 'nested-tied-bf16', dtype: 'q4', length: 600, order: { tuning: LARGER }, tolerance: 1e-4 },
  { checkpoint: 'nested-tied-bf16', dtype: 'fp16', length: 24, order: { tuning: LARGER }, tolerance: 1e-4 },
  {
    checkpoint: 'nested-tied-bf16',
    dtype: 'q8',
    length: 24,
    order: { activations: 'f16', subgroups: true, tuning: BY_SUBGROUP },
    tolerance: 1e-2,
  },
];

/** More models, and the app's own kernel configs, which take minutes to compile in software: `npm run check:kernels`. */
const REAL: readonly Case[] = [
  { checkpoint: 'nested-tied-bf16', dtype: 'q8', length: 24, order: { tuning: SMALL }, tolerance: 1e-4 },
  { checkpoint: 'flat-f16-sharded', dtype: 'fp32', length: 24, order: { tuning: SMALL }, tolerance: 1e-4 },
  ...(['q4', 'q8', 'fp16', 'fp32'] as const).map((dtype) => {
    return { checkpoint: 'nested-tied-bf16', dtype, length: 600, order: {}, tolerance: 1e-4 };
  }),
];
const ASKED = process.env['KERNELS'] === 'real' ? REAL : CASES;

/** Pictures in patches: smaller than a window; larger than one each way, cut at both edges. */
const GRIDS: Questions['grids'] = [
  [4, 6],
  [10, 18],
];

const folders = new Map<string, string>();
let server: Server;

beforeAll(async () => {
  for (const { checkpoint, dtype } of ASKED) {
    const name = `${checkpoint}-${dtype}`;
    if (folders.has(name)) continue;
    const folder = mkdtempSync(join(tmpdir(), 'visionthink-kernels-'));
    await convertCheckpoint(nodeFolder(tinyCheckpoint(checkpoint)), nodeFolder(folder), { dtype });
    folders.set(name, folder);
  }
  const script = await bundle(new URL('./kernels.page.ts', import.meta.url));
  server = createServer((request, response) => {
    const path = request.url ?? '/';
    response.setHeader(
      'content-type',
      path.endsWith('.js') ? 'text/javascript' : path === '/' ? 'text/html' : 'application/octet-stream',
    );
    const [, root = '', file] = /^\/([\w-]+)\/([\w.-]+)$/.exec(path) ?? [];
    if (file !== undefined) response.end(readFileSync(join(folders.get(root) ?? '', file)));
    else
      response.end(
        path === '/page.js' ? script : '<!doctype html><title>kernels</title><script src="page.js"></script>',
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  server?.close();
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
});

/** The page's results, in a browser of its own: one whose page has crashed is unreliable. */
async function evaluate<T>(script: string): Promise<T> {
  const browser = await launchChromium(SWIFTSHADER);
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await page.evaluate<T>(script);
  } finally {
    await browser.close();
  }
}

/** The results of onnxruntime on the CPU, in f32. */
async function reference(
  folder: string,
  questions: Questions,
): Promise<Omit<Answers, 'errors' | 'overflow' | 'before' | 'after'>> {
  const parts = await openParts(folder);
  const { hiddenSize } = parts.folder.manifest.config.text;
  const invent = (tokens: number, value: (i: number) => number): ImageFeatures => {
    const values = Float32Array.from({ length: tokens * hiddenSize }, (_, i) => value(i));
    return new TensorFeatures(parts.runtime.tensor('float32', values, [1, tokens, hiddenSize]));
  };
  const features = await lookAt(parts.backend.vision, questions);
  return { ...(await continuePrompt(parts.newDecoder(), invent, questions)), features };
}

/** The largest difference, relative to the largest expected value. */
function relativeError(found: readonly number[] | undefined, expected: readonly number[]): number {
  expect(found?.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs((found?.[i] ?? NaN) - value))) / largest;
}

/** Arbitrary ids of the tiny vocabularies. */
function promptOf(length: number): number[] {
  return Array.from({ length }, (_, i) => 10 + ((i * 37 + (i >> 3)) % 300));
}

describe.concurrent('the kernels', () => {
  it.each(ASKED)(
    'give the results of onnxruntime: $checkpoint, $dtype, $length tokens, $order.activations',
    async ({ checkpoint, dtype, length, order, tolerance }) => {
      const name = `${checkpoint}-${dtype}`;
      const questions: Questions = { prompt: promptOf(length), tokens: 8, grids: GRIDS };
      const right = await reference(folders.get(name) ?? '', questions);
      const asked: Order = { folder: `${name}/`, activations: 'f32', ...questions, ...order };
      const ours = await evaluate<Answers>(`answer(${JSON.stringify(asked)})`);
      expect(ours.errors).toEqual([]);
      right.features.forEach((features, i) => {
        expect(relativeError(ours.features[i], features)).toBeLessThan(tolerance);
      });
      expect(relativeError(ours.first, right.first)).toBeLessThan(tolerance);
      expect(ours.drafted).toEqual(ours.pipelined);
      expect(ours.overflow).toBe('NumericCheckError');
      expect(ours.after).toEqual(ours.before);
      if (order.activations === 'f16') return; // tokens may differ
      expect(ours.pipelined).toEqual(right.pipelined);
      expect(relativeError(ours.last, right.last)).toBeLessThan(tolerance);
    },
  );
});

describe('GEMM and GEMV in f16', () => {
  it('are right apart from rounding, which no software device shows', async () => {
    expect(await evaluate<number>('multiplyInF16()')).toBe(4);
  });
});

describe('a device', () => {
  it('counts as failed when it refuses a buffer, known by the next result, but not when it refuses a kernel', async () => {
    const { refusal, afterKernel, afterBuffer } = await evaluate<Failures>('fail()');
    expect(refusal).toContain('The kernel "nonsense" does not compile here');
    expect(afterKernel).toBeNull();
    expect(afterBuffer).toMatch(/^(refused its work|ran out of memory) \(.+\)\./);
  });
});
