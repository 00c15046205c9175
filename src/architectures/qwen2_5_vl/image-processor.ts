/**
 * The settings of Qwen2.5-VL's image processor from `preprocessor_config.json`. Parsed once, when a model folder or a checkpoint
 * is opened; later code relies on valid values. Every setting of transformers is honoured or refused by name.
 */
import type { ProcessorSettings } from '../../model/processor-settings.ts';
import { NamedError } from '../../shared/errors.ts';

/** Qwen2.5-VL's own settings (Qwen/Qwen2.5-VL-7B-Instruct, preprocessor_config.json; mean and std are CLIP's). */
export const DEFAULT_PROCESSOR_SETTINGS: ProcessorSettings = {
  patchSize: 14,
  temporalPatchSize: 2,
  mergeSize: 2,
  resample: 'bicubic',
  minPixels: 3136,
  maxPixels: 12845056,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  rescaleFactor: 1 / 255,
};

/** Filters by Pillow's numbers. Source: Pillow 12.3, PIL/Image.py, Resampling. */
const FILTERS: Readonly<Record<number, ProcessorSettings['resample']>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** Keys of `size`: two areas, under the names of newer and of older versions of transformers. */
const SIZE_KEYS = ['shortest_edge', 'longest_edge', 'min_pixels', 'max_pixels'];

/**
 * Reads the parsed JSON of a `preprocessor_config.json`. Missing keys take Qwen2.5-VL's values; `min_pixels` and
 * `max_pixels` win over `size.shortest_edge` and `size.longest_edge`, under which newer transformers writes the same two
 * areas. Throws ModelFolderError naming the key, its value and what is allowed.
 * Source: transformers, image_processing_qwen2_vl, Qwen2VLImageProcessor.__init__ and preprocess.
 */
export function parseProcessorSettings(json: unknown): ProcessorSettings {
  if (!isRecord(json)) throw nonsense('the file', json, 'a JSON object');
  const defaults = DEFAULT_PROCESSOR_SETTINGS;
  const areas = areasOf(json, defaults);
  if (!flag(json, 'do_resize'))
    throw nonsense('do_resize', false, 'true: images are always resized to whole visual tokens');
  const isNormalised = flag(json, 'do_normalize');
  const std = threeNumbers('image_std', json['image_std'], defaults.std);
  if (!std.every(isPositive)) throw nonsense('image_std', std, 'numbers above 0');
  const mean = threeNumbers('image_mean', json['image_mean'], defaults.mean);
  return {
    patchSize: wholeNumber('patch_size', json['patch_size'], defaults.patchSize, 1024),
    temporalPatchSize: wholeNumber('temporal_patch_size', json['temporal_patch_size'], defaults.temporalPatchSize, 64),
    mergeSize: wholeNumber('merge_size', json['merge_size'], defaults.mergeSize, 64),
    resample: filterOf(json['resample'], defaults.resample),
    ...areas,
    // Without normalisation: subtract 0 and divide by 1, which changes nothing.
    mean: isNormalised ? mean : [0, 0, 0],
    std: isNormalised ? std : [1, 1, 1],
    rescaleFactor: rescaleFactorOf(json, defaults.rescaleFactor),
  };
}

function areasOf(json: Readonly<Record<string, unknown>>, defaults: ProcessorSettings) {
  const size = json['size'] ?? {};
  const allowed = `an object of ${SIZE_KEYS.join(', ')} only, which are areas in pixels`;
  if (!isRecord(size) || Object.keys(size).some((key) => !SIZE_KEYS.includes(key)))
    throw nonsense('size', size, allowed);
  const least = json['min_pixels'] ?? size['shortest_edge'] ?? size['min_pixels'];
  const most = json['max_pixels'] ?? size['longest_edge'] ?? size['max_pixels'];
  const minPixels = wholeNumber('min_pixels', least, defaults.minPixels);
  const maxPixels = wholeNumber('max_pixels', most, defaults.maxPixels);
  if (minPixels > maxPixels) throw nonsense('min_pixels', minPixels, `at most max_pixels, which is ${maxPixels}`);
  return { minPixels, maxPixels };
}

function rescaleFactorOf(json: Readonly<Record<string, unknown>>, fallback: number): number {
  const factor = json['rescale_factor'] ?? fallback;
  if (!isPositive(factor)) throw nonsense('rescale_factor', factor, 'a number above 0, usually 1/255');
  return flag(json, 'do_rescale') ? factor : 1;
}

function filterOf(value: unknown, fallback: ProcessorSettings['resample']): ProcessorSettings['resample'] {
  if (value === undefined || value === null) return fallback;
  const filter = typeof value === 'number' ? FILTERS[value] : undefined;
  if (filter === undefined) throw nonsense('resample', value, '1 (Lanczos), 2 (bilinear) or 3 (bicubic)');
  return filter;
}

/** A setting that is true unless it is switched off. */
function flag(json: Readonly<Record<string, unknown>>, key: string): boolean {
  const value = json[key] ?? true;
  if (typeof value !== 'boolean') throw nonsense(key, value, 'true or false');
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/** `largest` keeps a corrupt file from requesting absurd amounts of memory. */
function wholeNumber(key: string, value: unknown, fallback: number, largest = 2 ** 31): number {
  const chosen = value ?? fallback;
  if (!isPositive(chosen) || !Number.isInteger(chosen) || chosen > largest) {
    throw nonsense(key, chosen, `a whole number from 1 to ${largest}`);
  }
  return chosen;
}

function threeNumbers(key: string, value: unknown, fallback: readonly [number, number, number]) {
  const chosen: unknown = typeof value === 'number' ? [value, value, value] : (value ?? fallback);
  const [red, green, blue, ...more]: unknown[] = Array.isArray(chosen) ? chosen : [];
  if (!isFinite(red) || !isFinite(green) || !isFinite(blue) || more.length > 0) {
    throw nonsense(key, chosen, 'a number, or three numbers, one each for red, green and blue');
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
