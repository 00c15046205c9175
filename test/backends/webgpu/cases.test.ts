/**
 * Every kernel in every stored format against a scalar reference, on two Vulkan drivers that compute on the CPU: SwiftShader, and
 * Mesa's llvmpipe, which has shader-f16. Kernels on subgroup matrices need a card: neither driver has those.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { findSwiftShader } from '../../../scripts/chromium.mjs';
import { ensureLlvmpipe } from '../../../scripts/llvmpipe.mjs';
import { kernelCases } from '../../../src/backends/webgpu/cases/all-cases.ts';
import { compareDevices } from '../../../src/backends/webgpu/cases/compare.ts';
import type { DeviceTraits } from '../../../src/backends/webgpu/gpu/device-traits.ts';
import { type Expected, type KernelCase, lackFor } from '../../../src/backends/webgpu/cases/kernel-case.ts';
import { hasDawn, NO_DAWN, runCasesOn } from '../../helpers/dawn-run.ts';
import type { WrittenOutcome } from './run-cases.ts';

/** One driver's outcomes by the case's name; or the reason why there is no driver. */
type Results = ReadonlyMap<string, WrittenOutcome> | string;

/** A device without subgroup matrices: a case's expectation does not depend on them. */
const TRAITS: DeviceTraits = { hasF16: true, subgroupSize: 4, hasSubgroupMatrices: false, workgroupBytes: 32_768 };

const CASES = kernelCases();
const ON_CPU = CASES.filter(({ needs }) => lackFor(needs, TRAITS) === null);

let swiftshader: Results;
let llvmpipe: Results;

beforeAll(async () => {
  [swiftshader, llvmpipe] = await Promise.all([resultsOn(findSwiftShader()), ensureLlvmpipe().then(resultsOn)]);
});

async function resultsOn(driver: ReturnType<typeof findSwiftShader>): Promise<Results> {
  if (typeof driver === 'string') return driver;
  if (!hasDawn()) return NO_DAWN;
  const { outcomes } = await runCasesOn(driver);
  return new Map(outcomes.map((outcome) => [outcome.name, outcome]));
}

describe('the kernel cases', () => {
  it('have names of their own', () => {
    expect(new Set(CASES.map(({ name }) => name)).size).toBe(CASES.length);
  });

  it.for(ON_CPU)('$name', (one, { skip }) => {
    const found = [swiftshader, llvmpipe].flatMap((results) => outcomeIn(results, one));
    // Only llvmpipe has f16: without it the f16 cases are skipped.
    const absent = [swiftshader, llvmpipe].filter((results) => typeof results === 'string');
    if (found.length === 0 && absent.length > 0) return skip(absent.join(' '));
    expect(found.length, 'drivers that ran it').toBeGreaterThan(0);
    for (const { state, detail } of found) expect(`${state}: ${detail}`).toMatch(/^passed/);
    const [first, second] = found;
    if (first === undefined || second === undefined) return;
    expectedOf(one).forEach((expected, i) => {
      const { error, detail } = compareDevices(expected, numbers(expected, first, i), numbers(expected, second, i));
      expect(error, `the two drivers differ: ${detail}`).toBeLessThanOrEqual(one.tolerance);
    });
  });
});

function outcomeIn(results: Results, { name }: KernelCase): WrittenOutcome[] {
  if (typeof results === 'string') return [];
  const outcome = results.get(name);
  if (outcome === undefined) throw new Error('the process has not reported it');
  return outcome.state === 'not run' ? [] : [outcome];
}

function expectedOf(one: KernelCase): readonly Expected[] {
  return one.make(TRAITS).buffers.flatMap(({ expected }) => (expected === undefined ? [] : [expected]));
}

function numbers({ type }: Expected, { outputs }: WrittenOutcome, i: number): Float32Array | Uint32Array {
  const bytes = new Uint8Array(Buffer.from(outputs[i] ?? '', 'base64')).buffer;
  return type === 'u32' ? new Uint32Array(bytes) : new Float32Array(bytes);
}
