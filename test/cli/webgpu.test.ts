/**
 * The commands on our own kernels in Node, through Dawn, on Vulkan drivers that compute on the CPU: Mesa's llvmpipe, which has
 * shader-f16, and SwiftShader. `npm run check:kernels` (KERNELS=real) runs both, in f32 and f16; otherwise llvmpipe runs in f16, or
 * SwiftShader in f32 where llvmpipe cannot be had.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findSwiftShader } from '../../scripts/chromium.mjs';
import { ensureLlvmpipe, type VulkanDriver } from '../../scripts/llvmpipe.mjs';
import { hasDawn, NO_DAWN } from '../helpers/dawn-run.ts';
import { cli, type Ended, startCli } from '../helpers/cli.ts';
import { readGolden, tinyCheckpoint, tinyImage } from '../helpers/tiny-model.ts';

const NAME = 'head64-size-tied';
const NEW_TOKENS = 16;
const [first] = readGolden(NAME).cases;
if (first === undefined) throw new Error('there is a golden case');
const IMAGE = tinyImage(NAME, first);
const work = mkdtempSync(join(tmpdir(), 'visionthink-cli-webgpu-'));
const [inF32, inF16] = [join(work, 'fp32'), join(work, 'q4f16')];

/** The driver, or the reason why there is none. */
const llvmpipe: VulkanDriver | string = hasDawn() ? await ensureLlvmpipe() : NO_DAWN;
/**
 * The drivers to test in f32: compiling every kernel takes one most of a minute, so where llvmpipe tests f16 it is left to
 * `npm run check:kernels`.
 */
const IN_F32: readonly VulkanDriver[] =
  process.env['KERNELS'] === 'real' || typeof llvmpipe === 'string'
    ? [llvmpipe, hasDawn() ? findSwiftShader() : NO_DAWN].filter((driver) => typeof driver !== 'string')
    : [];

beforeAll(async () => {
  for (const [out, dtype] of [
    [inF32, 'fp32'],
    [inF16, 'q4f16'],
  ] as const) {
    const { code, stderr } = await cli('convert', tinyCheckpoint(NAME), out, '--dtype', dtype);
    if (code !== 0) throw new Error(stderr);
  }
});
afterAll(() => rmSync(work, { recursive: true }));

/** Asks the golden question and continues after a forced tool call, so that both rounds' images are computed. */
function ask(model: string, backend: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const question = [
    '--image',
    IMAGE,
    '--question',
    first?.question ?? '',
    '--force-round-1',
    first?.round2.forced_text ?? '',
  ];
  const args = ['--model', model, ...question, '--max-new-tokens', String(NEW_TOKENS), '--backend', backend, '--json'];
  return startCli('ask', args, env).ended;
}

/** The tokens of every round. */
function tokensOf({ json, stderr }: Ended): readonly (readonly number[])[] {
  const rounds = json?.['rounds'] as readonly { readonly tokenIds: readonly number[] }[] | undefined;
  if (rounds === undefined) throw new Error(stderr);
  return rounds.map(({ tokenIds }) => tokenIds);
}

/** The reference's answer. */
const EXPECTED = [first.round2.forced_ids, first.round2.greedy_ids.slice(0, NEW_TOKENS)];

describe('--backend webgpu', { timeout: 900_000 }, () => {
  it.each(IN_F32)("gives the reference's tokens in f32 on $name", async ({ name, env }) => {
    const ended = await ask(inF32, 'webgpu', env);
    expect(tokensOf(ended)).toEqual(EXPECTED);
    expect(ended.stderr).toMatch(new RegExp(`^Backend: WebGPU through Dawn with f32 activations .*${name}`, 'm'));
  });

  it('gives the tokens of the CPU on llvmpipe in f16', async ({ skip }) => {
    if (typeof llvmpipe === 'string') return skip(llvmpipe);
    const [ended, onCpu] = [await ask(inF16, 'webgpu', llvmpipe.env), await ask(inF16, 'cpu')];
    expect(tokensOf(ended)).toEqual(tokensOf(onCpu));
    expect(ended.stderr).toMatch(/^Backend: WebGPU through Dawn with f16 activations .*llvmpipe/m);
  });

  it('auto skips an adapter that computes on the CPU, and says so', async ({ skip }) => {
    if (typeof llvmpipe === 'string') return skip(llvmpipe);
    const ended = await ask(inF32, 'auto', llvmpipe.env);
    expect(tokensOf(ended)).toEqual(EXPECTED);
    expect(ended.stderr).toMatch(/^Backend: onnxruntime on the CPU .*llvmpipe.* computes on the CPU/m);
  });
});
