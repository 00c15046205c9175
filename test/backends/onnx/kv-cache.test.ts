/** The two kinds of KV cache: their inputs to a run, its outputs, and truncation. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createKvCache, type KvCache } from '../../../src/backends/onnx/kv-cache.ts';
import type { DeviceRuntime, Tensor } from '../../../src/backends/onnx/runtime.ts';
import { respond, smallConfig } from '../../helpers/scripted-engine.ts';
import { ScriptedRuntime } from './scripted-runtime.ts';

const config = smallConfig(64);
const text = { ...config.text, numKvHeads: 3, headDim: 2, numLayers: 2 };

function make(kind: 'host' | 'device'): { cache: KvCache; runtime: ScriptedRuntime } {
  const runtime = new ScriptedRuntime({ config, script: respond(), kind });
  return { cache: createKvCache(runtime, text, 'float32', 64), runtime };
}

/** The outputs of a run over `length` tokens; every element encodes its layer, head and token. */
function present(runtime: ScriptedRuntime, cache: KvCache, length: number): Record<string, Tensor> {
  return Object.fromEntries(
    Object.keys(cache.outputs()).map((name, layer) => {
      const data = Float32Array.from(
        { length: 3 * length * 2 },
        (_, i) => layer * 1000 + Math.floor(i / (length * 2)) * 100 + (Math.floor(i / 2) % length),
      );
      return [name, runtime.tensor('float32', data, [1, 3, length, 2])];
    }),
  );
}

describe('a growing cache', () => {
  it('starts with empty tensors for every layer', () => {
    const { cache } = make('host');
    const feeds = cache.feeds();
    expect(Object.keys(feeds)).toEqual([
      'past_key_values.0.key',
      'past_key_values.0.value',
      'past_key_values.1.key',
      'past_key_values.1.value',
    ]);
    for (const tensor of Object.values(feeds)) expect(tensor.dims).toEqual([1, 3, 0, 2]);
    expect(Object.values(cache.outputs())).toEqual([null, null, null, null]);
  });

  it("keeps every head's first tokens when it is truncated", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 12 }), async (from, to) => {
        const { cache, runtime } = make('host');
        cache.take(present(runtime, cache, from));
        await cache.truncate(to);
        const length = Math.min(from, to);
        const tensors = Object.values(cache.feeds());
        for (const [layer, tensor] of tensors.entries()) {
          expect(tensor.dims).toEqual([1, 3, length, 2]);
          const expected = Array.from({ length: 3 }, (_, head) =>
            Array.from({ length: length * 2 }, (__, i) => layer * 1000 + head * 100 + Math.floor(i / 2)),
          );
          expect([...(await tensor.read())].map(Number)).toEqual(expected.flat());
        }
      }),
    );
  });

  it('frees the past it replaces', async () => {
    const { cache, runtime } = make('host');
    cache.take(present(runtime, cache, 3));
    const [old] = Object.values(cache.feeds());
    cache.take(present(runtime, cache, 4));
    await expect(old?.read()).rejects.toThrow('read after dispose');
    const [cut] = Object.values(cache.feeds());
    await cache.truncate(2);
    await expect(cut?.read()).rejects.toThrow('read after dispose');
  });

  it('needs nothing to grow', async () => {
    const { cache, runtime } = make('host');
    cache.take(present(runtime, cache, 3));
    const before = cache.feeds();
    await cache.grow(128, 3);
    expect(cache.feeds()).toEqual(before);
  });

  it('throws when a run returned too few tensors', () => {
    const { cache } = make('host');
    expect(() => cache.take({})).toThrow('present.0.key');
  });
});

describe('a static cache', () => {
  it('passes the same buffers in and out, wherever it is truncated', async () => {
    const { cache } = make('device');
    const before = Object.values(cache.feeds());
    expect(Object.values(cache.outputs())).toEqual(before);
    for (const tensor of before) expect(tensor.dims).toEqual([1, 3, 64, 2]);
    await cache.truncate(0);
    expect(Object.values(cache.feeds()).every((tensor, i) => tensor === before[i])).toBe(true);
  });

  it("grows: every head's tokens move to a place of their own, and old buffers are freed", async () => {
    const { cache, runtime } = make('device');
    const device = runtime as unknown as DeviceRuntime;
    const filled = Object.values(present(runtime, cache, 64));
    const old = Object.values(cache.feeds());
    for (const [i, tensor] of old.entries()) device.overwrite(tensor, (await filled[i]?.read()) ?? new Float32Array());
    await cache.grow(96, 40);
    const grown = Object.values(cache.feeds());
    expect(Object.values(cache.outputs())).toEqual(grown);
    for (const [layer, tensor] of grown.entries()) {
      expect(tensor.dims).toEqual([1, 3, 96, 2]);
      const expected = Array.from({ length: 3 }, (_, head) =>
        Array.from({ length: 96 * 2 }, (__, i) => (i < 80 ? layer * 1000 + head * 100 + Math.floor(i / 2) : 0)),
      );
      expect([...(await tensor.read())].map(Number)).toEqual(expected.flat());
    }
    await expect(old[0]?.read()).rejects.toThrow('read after dispose');
    cache.dispose();
    await expect(grown[0]?.read()).rejects.toThrow('read after dispose');
  });

  it('frees its buffers', async () => {
    const { cache } = make('device');
    const [tensor] = Object.values(cache.feeds());
    cache.dispose();
    await expect(tensor?.read()).rejects.toThrow('read after dispose');
  });
});
