/**
 * Both towers by our kernels through Dawn, on SwiftShader, against onnxruntime on the CPU: the same features of pictures, the same
 * logits, the same tokens by pipelined and by speculative decoding, also when the cache grows between them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSwiftShader } from '../../../scripts/chromium.mjs';
import type { VulkanDriver } from '../../../scripts/llvmpipe.mjs';
import { TensorFeatures } from '../../../src/backends/onnx/image-features.ts';
import type { Tuning } from '../../../src/backends/webgpu/gpu/tuning.ts';
import { convertCheckpoint } from '../../../src/converter/convert.ts';
import type { Dtype } from '../../../src/converter/dtypes.ts';
import type { ImageFeatures } from '../../../src/engine/backend.ts';
import { nodeFolder } from '../../../src/io/node/node-folder.ts';
import { NO_DAWN, hasDawn, runScriptOn } from '../../helpers/dawn-run.ts';
import { openParts, tinyCheckpoint } from '../../helpers/tiny-model.ts';
import { continuePrompt, lookAt, type Questions } from './model-questions.ts';
import type { Failures } from './run-device-failure.ts';
import type { Answers, Order } from './run-models.ts';

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

/** More models, and the app's own kernel configs, which take longer to compile: `npm run check:kernels`. */
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

const work = mkdtempSync(join(tmpdir(), 'visionthink-models-'));
const folders = new Map<string, string>();
const swiftshader: VulkanDriver | string = hasDawn() ? findSwiftShader() : NO_DAWN;
let answers: readonly Answers[] = [];

beforeAll(async () => {
  if (typeof swiftshader === 'string') return;
  for (const { checkpoint, dtype } of ASKED) {
    const name = nameOf({ checkpoint, dtype });
    if (folders.has(name)) continue;
    const folder = join(work, name);
    await convertCheckpoint(nodeFolder(tinyCheckpoint(checkpoint)), nodeFolder(folder), { dtype });
    folders.set(name, folder);
  }
  const orders = ASKED.map((one): Order => {
    return { folder: folders.get(nameOf(one)) ?? '', activations: 'f32', ...questionsOf(one), ...one.order };
  });
  const file = join(work, 'orders.json');
  writeFileSync(file, JSON.stringify(orders));
  answers = await runScriptOn<Answers[]>(swiftshader, new URL('run-models.ts', import.meta.url), file);
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

function nameOf({ checkpoint, dtype }: Pick<Case, 'checkpoint' | 'dtype'>): string {
  return `${checkpoint}-${dtype}`;
}

function questionsOf({ length }: Case): Questions {
  return { prompt: promptOf(length), tokens: 8, grids: GRIDS };
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
    return new TensorFeatures(parts.runtime.tensor('float32', values, [1, tokens, hiddenSize]), async () => undefined);
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

describe('the kernels', () => {
  it.for(ASKED.map((one, i) => ({ ...one, i })))(
    'give the results of onnxruntime: $checkpoint, $dtype, $length tokens, $order.activations',
    async (one, { skip }) => {
      if (typeof swiftshader === 'string') return skip(swiftshader);
      const { order, tolerance, i } = one;
      const right = await reference(folders.get(nameOf(one)) ?? '', questionsOf(one));
      const ours = answers[i];
      if (ours === undefined) throw new Error('the process has not reported this model');
      expect(ours.errors).toEqual([]);
      right.features.forEach((features, picture) => {
        expect(relativeError(ours.features[picture], features)).toBeLessThan(tolerance);
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

describe('a device', () => {
  it('counts as failed when it refuses a buffer, known by the next result, but not when it refuses a kernel', async ({
    skip,
  }) => {
    if (typeof swiftshader === 'string') return skip(swiftshader);
    const script = new URL('run-device-failure.ts', import.meta.url);
    const { refusal, afterKernel, afterBuffer } = await runScriptOn<Failures>(swiftshader, script);
    expect(refusal).toContain('The kernel "nonsense" does not compile here');
    expect(afterKernel).toBeNull();
    expect(afterBuffer).toMatch(/^(refused its work|ran out of memory) \(.+\)\./);
  });
});
