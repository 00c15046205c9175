import { describe, expect, it } from 'vitest';
import { preprocess } from '../../../src/image/patchify.ts';
import { OnnxVisionModel } from '../../../src/backends/onnx/vision-model.ts';
import { checkpointModel } from '../../../src/architectures/registry.ts';
import { nestedConfig } from '../../architectures/qwen2_5_vl/checkpoint-configs.ts';
import { DEFAULT_PROCESSOR_SETTINGS } from '../../../src/architectures/qwen2_5_vl/image-processor.ts';
import type { Runtime, Session, Tensor } from '../../../src/backends/onnx/runtime.ts';

const model = checkpointModel(nestedConfig(), undefined);
const why = 'Integer overflow';

/** An encoder whose session fails, on a CPU or on a device. */
function failing(kind: 'host' | 'device'): OnnxVisionModel {
  const runtime = { kind, tensor: () => ({}) as Tensor } as unknown as Runtime;
  const session = { run: async () => Promise.reject(new Error(why)) } as unknown as Session;
  return new OnnxVisionModel({ runtime, session, model, activations: 'f32' });
}

describe('a picture that cannot be encoded', () => {
  const pixels = { width: 168, height: 112, data: new Uint8Array(168 * 112 * 3) };
  const image = preprocess(pixels, DEFAULT_PROCESSOR_SETTINGS);

  it('is too large on a CPU, which says its size and what to do', async () => {
    const encoding = failing('host').encode(image);
    await expect(encoding).rejects.toMatchObject({ name: 'ImageTooLargeError' });
    await expect(encoding).rejects.toThrow(/168 × 112 pixels.*pixel budget.*Integer overflow/);
  });

  it("passes a device's error on unchanged: the caller knows whether the device was lost", async () => {
    await expect(failing('device').encode(image)).rejects.toThrow(new Error(why));
  });
});

describe('the feeds of a run', () => {
  const image = preprocess({ width: 84, height: 56, data: new Uint8Array(84 * 56 * 3) }, DEFAULT_PROCESSOR_SETTINGS);

  /** Names and sizes of a session's feeds. */
  async function fed(): Promise<Record<string, readonly number[]>> {
    let names: Record<string, readonly number[]> = {};
    const runtime = {
      tensor: (_type: string, _data: unknown, dims: readonly number[]) => ({ dims }) as Tensor,
    } as unknown as Runtime;
    const run: Session['run'] = async (feeds) => {
      names = Object.fromEntries(Object.entries(feeds).map(([name, { dims }]) => [name, dims]));
      return { image_features: {} as Tensor };
    };
    const session = { run } as unknown as Session;
    await new OnnxVisionModel({ runtime, session, model, activations: 'f32' }).encode(image);
    return names;
  }

  it('are the patches and every input that a graph declares', async () => {
    const inputs = await fed();
    expect(Object.keys(inputs)).toHaveLength(8);
    expect(inputs['pixel_values']).toEqual([24, 1176]);
  });
});
