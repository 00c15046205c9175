import { beforeAll, describe, expect, it, vi } from 'vitest';
import { Scratch } from '../../../../src/backends/webgpu/decoder/decoder-buffers.ts';
import { type VisionBuffers, VisionScratch } from '../../../../src/backends/webgpu/vision/vision-buffers.ts';
import { configFromCheckpoint } from '../../../../src/architectures/qwen2_5_vl/config.ts';
import { flatConfig } from '../../../architectures/qwen2_5_vl/checkpoint-configs.ts';

/** Tokens of the largest picture, and its patches. */
const TOKENS = 1600;
const PATCHES = 4 * TOKENS;
const { text, vision } = configFromCheckpoint(flatConfig(), undefined);
/** The tower's 3420, as it is stored. */
const INTERMEDIATE = 3456;
const MB = 1e6;
/** No KV splits and no split-K partial sums. */
const NOTHING = { partials: 0, sums: 0, upPartialSums: 0 };

/** A device that only creates buffers with a size. */
const device = {
  createBuffer: ({ size, label }: GPUBufferDescriptor) => {
    const buffer = { size, label, destroy: () => Object.assign(buffer, { size: 0, label: 'destroyed' }) };
    return buffer;
  },
} as unknown as GPUDevice;

beforeAll(() => {
  vi.stubGlobal('GPUBufferUsage', { STORAGE: 1, COPY_SRC: 2, COPY_DST: 4, UNIFORM: 8 });
  return () => vi.unstubAllGlobals();
});

/** Bytes of the buffers, each counted once. */
function bytesOf(buffers: object): number {
  return [...new Set(Object.values(buffers) as GPUBuffer[])].reduce((sum, { size }) => sum + size, 0);
}

function visionBuffers(
  isPacked: boolean,
  hiddenSize = vision.hiddenSize,
  intermediateSize = INTERMEDIATE,
): VisionBuffers {
  const sizes = { vision: { ...vision, hiddenSize }, intermediateSize, isPacked };
  return new VisionScratch(device, sizes).for(PATCHES);
}

describe("the buffers between VisionThink-7B's kernels while it reads the largest picture", () => {
  it('take 166 MB in the vision tower, 215 MB where attention uses subgroup matrices', () => {
    expect(bytesOf(visionBuffers(false))).toBeLessThan(166.5 * MB);
    expect(bytesOf(visionBuffers(true))).toBeLessThan(215.5 * MB);
  });

  it('take 167 MB in the language model', () => {
    const size = { tokens: TOKENS, logitsRows: 1, ...NOTHING };
    expect(bytesOf(new Scratch(device, text, text.intermediateSize, NOTHING).for(size))).toBeLessThan(168 * MB);
  });

  it('start large enough for a short prompt with subgroup matrices, so that a question rebinds nothing', () => {
    const least = { partials: 1000, sums: 2000, upPartialSums: 3000 };
    const scratch = new Scratch(device, text, text.intermediateSize, least);
    const first = scratch.for({ tokens: 400, logitsRows: 1, ...NOTHING });
    expect([first.partials.size, first.sums.size, first.upPartialSums.size]).toEqual([4000, 8000, 12_000]);
    expect(scratch.for({ tokens: 27, logitsRows: 1, ...least })).toBe(first);
    const longer = scratch.for({ tokens: 70, logitsRows: 1, ...least, sums: 4000 });
    expect(longer).not.toBe(first);
    expect([longer.partials.size, longer.sums.size, longer.upPartialSums.size]).toEqual([4000, 16_000, 12_000]);
  });

  it('shrink to 55 MB in the language model afterwards, and keep the results', () => {
    const scratch = new Scratch(device, text, text.intermediateSize, NOTHING);
    const long = scratch.for({ tokens: TOKENS, logitsRows: 1, ...NOTHING });
    scratch.submitted();
    expect(long.hidden.label).toBe('destroyed');
    expect([long.logits.label, long.token.label, long.candidates.label]).not.toContain('destroyed');
    const step = scratch.for({ tokens: 1, logitsRows: 1, ...NOTHING });
    expect(step.logits).toBe(long.logits);
    expect(step.hidden).not.toBe(long.hidden);
    expect(bytesOf(step)).toBeLessThan(55 * MB);
    scratch.submitted();
    expect(scratch.for({ tokens: 512, logitsRows: 1, ...NOTHING })).toBe(step); // a question after it rebinds nothing
    scratch.dispose();
    expect(bytesOf(step)).toBe(0);
  });
});

describe('buffers between kernels', () => {
  it('are shared where no row has padding, and only where no kernel reads one while it writes the other', () => {
    const { qkv, hidden, normed, attention, intermediate, packed, merged } = visionBuffers(false);
    expect(normed).toBe(attention);
    expect(intermediate).toBe(qkv);
    expect(packed).toBe(qkv);
    expect(merged).toBe(hidden);
    expect(new Set([hidden, normed, qkv]).size).toBe(3);
    const onUnits = visionBuffers(true);
    expect(onUnits.intermediate).toBe(onUnits.qkv);
    expect(new Set([onUnits.packed, onUnits.hidden, onUnits.normed, onUnits.qkv]).size).toBe(4);
  });

  it('are separate where rows have padding, whose zeros the other would overwrite', () => {
    const { qkv, hidden, normed, attention, intermediate } = visionBuffers(false, 40);
    expect(new Set([qkv, hidden, normed, attention, intermediate]).size).toBe(5);
    const { intermediateSize } = vision; // 3420, as fp16 folders store it: f16 values left in the padding would be read as arbitrary floats
    const floats = visionBuffers(true, vision.hiddenSize, intermediateSize);
    expect(intermediateSize % 32).not.toBe(0);
    expect([floats.intermediate, floats.qkv].includes(floats.packed)).toBe(false);
    const tiny = new Scratch(device, { ...text, hiddenSize: 40 }, 64, NOTHING).for({
      tokens: 2,
      logitsRows: 1,
      ...NOTHING,
    });
    expect(tiny.intermediate).not.toBe(tiny.qkv);
    expect(tiny.normed).not.toBe(tiny.attention);
  });
});
