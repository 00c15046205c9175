import { describe, expect, it } from 'vitest';
import { VisionEncoder } from '../../src/engine/vision-encoder.ts';
import type { Geometry } from '../../src/model/geometry.ts';
import type { Runtime, Session, Tensor } from '../../src/runtime/session.ts';

const VISION = { patchSize: 14, spatialMergeSize: 2, windowSize: 112, headDim: 32 };
const why = 'Integer overflow';

/** An encoder whose session fails, on a CPU or on a device. */
function failing(staticCache: boolean): VisionEncoder {
  const runtime = { staticCache, tensor: () => ({}) as Tensor } as unknown as Runtime;
  const session = { run: async () => Promise.reject(new Error(why)) } as unknown as Session;
  return new VisionEncoder(runtime, session, { vision: VISION } as unknown as Geometry, 'f32');
}

describe('a picture that cannot be encoded', () => {
  const pixels = new Float32Array(8 * 12 * 1176);

  it('is too large on a CPU, which says its size and what to do', async () => {
    const encoding = failing(false).encode(pixels, 8, 12);
    await expect(encoding).rejects.toMatchObject({ name: 'ImageTooLargeError' });
    await expect(encoding).rejects.toThrow(/168 × 112 pixels.*pixel budget.*Integer overflow/);
  });

  it('leaves a device to those who know whether it was lost', async () => {
    await expect(failing(true).encode(pixels, 8, 12)).rejects.toThrow(new Error(why));
  });
});
