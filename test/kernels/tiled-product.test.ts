import { describe, expect, it } from 'vitest';
import { hasMatrixUnits, onMatrixUnits } from '../../src/kernels/tiled-product.ts';

const CONFIG = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 };

/** A device as Chromium describes it, with matrix units of one shape. */
function device(change: { config?: object; subgroup?: number; features?: readonly string[] } = {}): GPUDevice {
  const { config = {}, subgroup = 32 } = change;
  const { features = ['shader-f16', 'chromium-experimental-subgroup-matrix'] } = change;
  const adapterInfo = {
    subgroupMinSize: subgroup,
    subgroupMaxSize: subgroup,
    subgroupMatrixConfigs: [{ ...CONFIG, ...config }],
  };
  return { features: new Set(features), adapterInfo } as unknown as GPUDevice;
}

describe('matrix units', () => {
  it('are used where they multiply 16 x 16 matrices of f16 into f32, by subgroups of 32', () => {
    expect(hasMatrixUnits(device())).toBe(true);
    expect(hasMatrixUnits(device({ config: { M: 8 } }))).toBe(false);
    expect(hasMatrixUnits(device({ config: { resultComponentType: 'f16' } }))).toBe(false);
    expect(hasMatrixUnits(device({ subgroup: 64 }))).toBe(false);
    expect(hasMatrixUnits(device({ features: ['chromium-experimental-subgroup-matrix'] }))).toBe(false);
  });

  it('are left alone where something does not suit, and where the device refuses the kernel', async () => {
    let compiled = 0;
    const compile = async (): Promise<string> => `kernel ${++compiled}`;
    expect(await onMatrixUnits(device({ features: [] }), true, compile)).toBeNull();
    expect(await onMatrixUnits(device(), false, compile)).toBeNull();
    expect(compiled).toBe(0);
    expect(await onMatrixUnits(device(), true, compile)).toBe('kernel 1');
    const refused = async (): Promise<string> => Promise.reject(new Error('unknown extension'));
    expect(await onMatrixUnits(device(), true, refused)).toBeNull();
  });
});
