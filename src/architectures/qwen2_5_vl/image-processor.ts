/**
 * What the model's image processor is told in `preprocessor_config.json`. Parsed once, where a model folder or a checkpoint
 * is opened; everything after that may rely on sane values.
 */
import type { ProcessorSettings } from '../../model/processor-settings.ts';
import { NamedError } from '../../shared/errors.ts';

/** Qwen2.5-VL's own settings (Qwen/Qwen2.5-VL-7B-Instruct, preprocessor_config.json; mean and std are CLIP's). */
export const DEFAULT_PROCESSOR_SETTINGS: ProcessorSettings = {
  patchSize: 14,
  temporalPatchSize: 2,
  mergeSize: 2,
  minPixels: 3136,
  maxPixels: 12845056,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  rescaleFactor: 1 / 255,
};

/**
 * Reads the parsed JSON of a `preprocessor_config.json`. Missing keys take Qwen2.5-VL's values; `min_pixels` and
 * `max_pixels` win over `size.shortest_edge` and `size.longest_edge`, under which newer transformers writes the same two
 * areas. Throws ModelFolderError naming the key, its value and what is allowed.
 * Source: transformers, image_processing_qwen2_vl, Qwen2VLImageProcessor.__init__.
 */
export function parseProcessorSettings(json: unknown): ProcessorSettings {
  if (!isRecord(json)) throw nonsense('the file', json, 'a JSON object');
  const sizes = json['size'] ?? {};
  if (!isRecord(sizes)) throw nonsense('size', sizes, 'an object with shortest_edge and longest_edge');
  const defaults = DEFAULT_PROCESSOR_SETTINGS;

  const minPixels = wholeNumber('min_pixels', json['min_pixels'] ?? sizes['shortest_edge'], defaults.minPixels);
  const maxPixels = wholeNumber('max_pixels', json['max_pixels'] ?? sizes['longest_edge'], defaults.maxPixels);
  if (minPixels > maxPixels) throw nonsense('min_pixels', minPixels, `at most max_pixels, which is ${maxPixels}`);
  const rescaleFactor = json['rescale_factor'] ?? defaults.rescaleFactor;
  if (!isPositive(rescaleFactor)) throw nonsense('rescale_factor', rescaleFactor, 'a number above 0, usually 1/255');
  const std = threeNumbers('image_std', json['image_std'], defaults.std);
  if (!std.every(isPositive)) throw nonsense('image_std', std, 'three numbers above 0');

  return {
    patchSize: wholeNumber('patch_size', json['patch_size'], defaults.patchSize, 1024),
    temporalPatchSize: wholeNumber('temporal_patch_size', json['temporal_patch_size'], defaults.temporalPatchSize, 64),
    mergeSize: wholeNumber('merge_size', json['merge_size'], defaults.mergeSize, 64),
    minPixels,
    maxPixels,
    mean: threeNumbers('image_mean', json['image_mean'], defaults.mean),
    std,
    rescaleFactor,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** `largest` keeps a lying file from asking for absurd amounts of memory. */
function wholeNumber(key: string, value: unknown, fallback: number, largest = 2 ** 31): number {
  const chosen = value ?? fallback;
  if (!isPositive(chosen) || !Number.isInteger(chosen) || chosen > largest) {
    throw nonsense(key, chosen, `a whole number from 1 to ${largest}`);
  }
  return chosen;
}

function threeNumbers(key: string, value: unknown, fallback: readonly [number, number, number]) {
  const chosen: unknown = value ?? fallback;
  const [red, green, blue, ...more]: unknown[] = Array.isArray(chosen) ? chosen : [];
  if (!isFinite(red) || !isFinite(green) || !isFinite(blue) || more.length > 0) {
    throw nonsense(key, chosen, 'three numbers, one each for red, green and blue');
  }
  return [red, green, blue] as const;
}

function isFinite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function nonsense(key: string, value: unknown, allowed: string): NamedError {
  return new NamedError(
    'ModelFolderError',
    `preprocessor_config.json: ${key} is ${JSON.stringify(value)?.slice(0, 100) ?? 'missing'}, but must be ${allowed}. ` +
      'Take the file from the original checkpoint again.',
  );
}
