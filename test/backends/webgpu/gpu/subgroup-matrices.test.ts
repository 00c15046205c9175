import { describe, expect, it } from 'vitest';
import { SubgroupMatrices } from '../../../../src/backends/webgpu/gpu/subgroup-matrices.ts';

const CONFIG = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 };

/** Those of a device as Chromium describes it, with subgroup matrices of one shape. */
function unitsOf(change: { config?: object; subgroup?: number; features?: readonly string[] } = {}): SubgroupMatrices {
  const { config = {}, subgroup = 32 } = change;
  const { features = ['shader-f16', 'chromium-experimental-subgroup-matrix'] } = change;
  const adapterInfo = {
    subgroupMinSize: subgroup,
    subgroupMaxSize: subgroup,
    subgroupMatrixConfigs: [{ ...CONFIG, ...config }],
  };
  return new SubgroupMatrices({ features: new Set(features), adapterInfo } as unknown as GPUDevice);
}

describe('subgroup matrices', () => {
  it('are used where they multiply 16 x 16 matrices of f16 into f32, by subgroups of 32', () => {
    expect(unitsOf().present).toBe(true);
    expect(unitsOf({ config: { M: 8 } }).present).toBe(false);
    expect(unitsOf({ config: { resultComponentType: 'f16' } }).present).toBe(false);
    expect(unitsOf({ subgroup: 64 }).present).toBe(false);
    expect(unitsOf({ features: ['chromium-experimental-subgroup-matrix'] }).present).toBe(false);
  });

  it('are not used where a property does not fit or the device refuses the kernel, and say why', async () => {
    let compiled = 0;
    const compile = async (): Promise<string> => `kernel ${++compiled}`;
    const none = unitsOf({ features: [] });
    expect(await none.compile(true, compile)).toBeNull();
    expect(none.describe()).toContain('No subgroup matrices are offered');
    const units = unitsOf();
    expect(await units.compile(false, compile)).toBeNull();
    expect(compiled).toBe(0);
    expect(await units.compile(true, compile)).toBe('kernel 1');
    expect(units.describe()).toBe("The GPU's subgroup matrices compute images and prompts.");
    const refused = async (): Promise<string> => Promise.reject(new Error('unknown extension'));
    expect(await units.compile(true, refused)).toBeNull();
    expect(units.describe()).toMatch(/not used for everything.*unknown extension/);
  });
});
