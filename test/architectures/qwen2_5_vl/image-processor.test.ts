/** Reading preprocessor_config.json. */
import { describe, expect, it } from 'vitest';
import {
  DEFAULT_PROCESSOR_SETTINGS,
  parseProcessorSettings,
} from '../../../src/architectures/qwen2_5_vl/image-processor.ts';

describe('parseProcessorSettings', () => {
  it("takes Qwen2.5-VL's values for what is missing", () => {
    expect(parseProcessorSettings({})).toEqual(DEFAULT_PROCESSOR_SETTINGS);
  });

  it('reads the keys old and new transformers write', () => {
    const old = parseProcessorSettings({
      min_pixels: 784,
      max_pixels: 50176,
      size: { shortest_edge: 1, longest_edge: 2 },
    });
    const recent = parseProcessorSettings({ size: { shortest_edge: 784, longest_edge: 50176 } });
    expect(old).toEqual(recent);
    expect(old).toMatchObject({ minPixels: 784, maxPixels: 50176 });
  });

  it('takes a mean and a deviation for all channels, and other filters', () => {
    expect(parseProcessorSettings({ image_mean: 0.5, image_std: 0.25, resample: 2 })).toMatchObject({
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
      resample: 'bilinear',
    });
  });

  it('leaves out steps that are disabled', () => {
    expect(parseProcessorSettings({ do_rescale: false }).rescaleFactor).toBe(1);
    expect(parseProcessorSettings({ do_normalize: false })).toMatchObject({ mean: [0, 0, 0], std: [1, 1, 1] });
  });

  it('accepts the older names of the areas under size, too', () => {
    const size = { min_pixels: 784, max_pixels: 50176 };
    expect(parseProcessorSettings({ size })).toMatchObject({ minPixels: 784, maxPixels: 50176 });
  });

  it('reads the sizes and the normalisation', () => {
    const json = {
      patch_size: 16,
      temporal_patch_size: 1,
      merge_size: 3,
      image_mean: [0, 0.5, 1],
      image_std: [1, 2, 3],
      rescale_factor: 0.5,
    };
    expect(parseProcessorSettings(json)).toEqual({
      ...DEFAULT_PROCESSOR_SETTINGS,
      patchSize: 16,
      temporalPatchSize: 1,
      mergeSize: 3,
      mean: [0, 0.5, 1],
      std: [1, 2, 3],
      rescaleFactor: 0.5,
    });
  });

  it.each([
    ['the file', [1]],
    ['size', { size: 448 }],
    ['patch_size', { patch_size: 0 }],
    ['patch_size', { patch_size: 1e9 }],
    ['merge_size', { merge_size: 1.5 }],
    ['max_pixels', { max_pixels: '12845056' }],
    ['min_pixels', { min_pixels: 100, max_pixels: 99 }],
    ['image_mean', { image_mean: [0.5, 0.5] }],
    ['image_mean', { image_mean: '0.5' }],
    ['image_std', { image_std: 0 }],
    ['size', { size: { height: 448, width: 448 } }],
    ['do_resize', { do_resize: false }],
    ['do_rescale', { do_rescale: 1 }],
    ['do_normalize', { do_normalize: 'no' }],
    ['resample', { resample: 0 }],
    ['resample', { resample: 'bicubic' }],
    ['image_std', { image_std: [1, 0, 1] }],
    ['rescale_factor', { rescale_factor: -1 }],
  ])('refuses an invalid %s and names it: %j', (key, json) => {
    expect(() => parseProcessorSettings(json)).toThrow(
      expect.objectContaining({ name: 'ModelFolderError', message: expect.stringContaining(key) }),
    );
  });
});
