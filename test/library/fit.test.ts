import { describe, expect, it } from 'vitest';
import { sizesOf } from '../../src/converter/survey.ts';
import { gpuBytesOf, judgeMachine, judgeStorage, judgeTrial, type Machine, type Needs } from '../../src/library/fit.ts';
import { checkpointModel } from '../../src/architectures/registry.ts';
import type { BackendOption } from '../../src/protocol/engine-api.ts';
import { flatConfig } from '../architectures/qwen2_5_vl/checkpoint-configs.ts';

/** VisionThink-Efficient's model definition. */
const VISIONTHINK = await checkpointModel(flatConfig(), undefined).conversion();

const CARD: Machine = { adapter: 'a card', hasF16: true, isSoftware: false, maxBindingBytes: 2 ** 31 };
const SEVEN: Needs = { dtype: 'q4f16', gpuBytes: 5.3e9, largestTensorBytes: 6e8 };
const SMALL: Needs = { dtype: 'q4f16', gpuBytes: 4e7, largestTensorBytes: 1e7 };

describe('the needs of the 7B', () => {
  it('are known for every dtype of a model folder', () => {
    const sizes = sizesOf(VISIONTHINK, 0);
    expect(sizes.map(({ dtype }) => dtype)).toEqual(['fp16', 'q8', 'q4', 'q4f16']);
    const q4f16 = sizes.at(-1);
    expect(q4f16?.folderBytes).toBeGreaterThan(4.5e9);
    expect(q4f16?.folderBytes).toBeLessThan(5.1e9);
    // Within 6 GB with a cache for 4096 tokens.
    expect(gpuBytesOf(VISIONTHINK.config, q4f16?.weightBytes ?? 0)).toBeLessThan(6e9);
  });
});

/** What is asked for. */
const ASKED: Readonly<Record<'auto' | 'webgpu' | 'wasm', BackendOption | null>> = {
  auto: null,
  webgpu: { id: 'webgpu', label: 'WebGPU', device: 'gpu' },
  wasm: { id: 'wasm', label: 'WebAssembly', device: 'cpu' },
};

describe('whether a machine can run it', () => {
  const cases: readonly [string, Needs, Machine, keyof typeof ASKED, 'yes' | 'doubtful' | 'no', RegExp][] = [
    ['a card', SEVEN, CARD, 'auto', 'yes', /can bind/],
    [
      'a card that binds too little',
      SEVEN,
      { ...CARD, maxBindingBytes: 2 ** 27 },
      'auto',
      'no',
      /134|135 MB.*fewer bits/,
    ],
    ['a card without f16', SEVEN, { ...CARD, hasF16: false }, 'auto', 'doubtful', /q4 avoids/],
    ['a card without f16, q4', { ...SEVEN, dtype: 'q4' }, { ...CARD, hasF16: false }, 'auto', 'yes', /can bind/],
    ['no WebGPU', SEVEN, 'This browser has no WebGPU.', 'auto', 'no', /no WebGPU.*4.0 GB.*server/],
    ['no WebGPU, small', SMALL, 'This browser has no WebGPU.', 'auto', 'yes', /small enough/],
    ['no WebGPU, though it was asked for', SMALL, 'This browser has no WebGPU.', 'webgpu', 'no', /no WebGPU/],
    ['software', { ...SEVEN, gpuBytes: 2e9 }, { ...CARD, isSoftware: true }, 'auto', 'doubtful', /minutes/],
    ['WASM by choice', SMALL, CARD, 'wasm', 'yes', /asked for/],
  ];
  it.each(cases)('%s', (_, needs, machine, backend, verdict, text) => {
    expect(judgeMachine(needs, machine, ASKED[backend])).toEqual({ verdict, text: expect.stringMatching(text) });
  });

  it('a trial that was refused says what to do', () => {
    expect(judgeTrial(5e9, 5e9, null).verdict).toBe('yes');
    expect(judgeTrial(5e9, 1e9, 'out of memory').text).toMatch(/1.0 GB of 5.0 GB.*fewer bits/);
  });
});

describe('the free storage', () => {
  it.each([
    [5e9, 10e9, 'yes'],
    [5e9, 5e9, 'no'],
    [5e9, null, 'doubtful'],
  ] as const)('for %d bytes where %d are free: %s', (bytes, freeBytes, verdict) => {
    const facts = { usedBytes: 0, freeBytes, mayBeMore: false, persisted: false };
    expect(judgeStorage(bytes, facts).verdict).toBe(verdict);
  });

  it('is uncertain where the browser reports no more', () => {
    const facts = { usedBytes: 0, freeBytes: 10e9, mayBeMore: true, persisted: false };
    expect(judgeStorage(5e9, facts)).toEqual({
      verdict: 'yes',
      text: expect.stringMatching(/as far as the disk has it/),
    });
    expect(judgeStorage(17e9, facts)).toEqual({
      verdict: 'doubtful',
      text: expect.stringMatching(/at most 10.0 GB, 17.0 GB/),
    });
  });
});
