/**
 * A model folder of given shapes with random weights, in no time and next to no memory: for measuring speed. Its data files
 * are Blobs put together from the same few chunks of random numbers again and again, so a folder of 5 GB needs a few dozen
 * MB. Laid out for both engines (layouts.ts). Values keep activations near one, so that nothing overflows in f16.
 */
import { type ModelConfig, parseGeometry } from '../model/model-config.ts';
import { type Manifest, MANIFEST_FILE, MANIFEST_VERSION } from '../model/manifest.ts';
import type { Shapes } from '../model/presets.ts';
import { f32ToF16 } from '../shared/float16.ts';
import type { FileSource, FolderFile } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { buildGraphs, buildStockGraphs } from './graph-sets.ts';
import { dataFileName, stockConfig } from './layouts.ts';
import type { ExternalData } from './onnx/graph-builder.ts';
import { type Dtype, type FloatType, PRECISIONS } from './precision.ts';
import { tensorShapes } from './tensor-names.ts';
import { type WeightJob, WeightLayout } from './weight-layout.ts';

/** Bytes of a chunk of codes: no two neighbouring rows of a matrix are alike. */
const CODE_CHUNK = 1 << 24;
/** Numbers in a chunk of floats. */
const FLOAT_CHUNK = 1 << 20;
/** Standard deviation of a 4-bit code drawn evenly from -7 to 7, and of an 8-bit one from -127 to 127. */
const CODE_DEVIATION = { 4: 4.32, 8: 73.3 } as const;
/** Standard deviation of a number drawn evenly from -1 to 1. */
const EVEN_DEVIATION = 0.577;
/** A bias is this large at most. */
const BIAS = 0.02;

/** What a random folder takes from a real one: its language. */
const TAKEN = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'prompts.json'] as const;

/** Files of the folder that are no weights: upstream's image processor with Qwen2.5-VL's own limits. */
const PROCESSOR = {
  image_processor_type: 'Qwen2VLImageProcessor',
  processor_class: 'Qwen2_5_VLProcessor',
  do_convert_rgb: true,
  do_resize: true,
  do_rescale: true,
  do_normalize: true,
  rescale_factor: 1 / 255,
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_std: [0.26862954, 0.26130258, 0.27577711],
  resample: 3,
  patch_size: 14,
  merge_size: 2,
  temporal_patch_size: 2,
  min_pixels: 3136,
  max_pixels: 12_845_056,
};

/**
 * The files of a model folder of these shapes. `language`: the folder whose tokenizer, prompts and token ids it speaks with;
 * they must fit into the vocabulary. Equal calls give equal files. Throws CheckpointError when the shapes are impossible.
 */
export async function randomFolder(shapes: Shapes, dtype: Dtype, language: FileSource): Promise<FolderFile[]> {
  // 1. The geometry, and the graphs over it.
  const config = { ...(await languageConfig(language)), ...shapes.text, vision_config: shapes.vision };
  const geometry = parseGeometry(config, await json(language, 'generation_config.json'));
  const layout = new WeightLayout(PRECISIONS[dtype], dataFileName('transformers.js', dtype));
  const parameters = countParameters(geometry);
  const graphs = buildGraphs(layout, geometry, parameters);
  const upstream = buildStockGraphs(layout, geometry, dtype);

  // 2. Files.
  const numbers = new RandomNumbers();
  const files: FolderFile[] = [];
  for (const [path, bytes] of layout.files) files.push({ path, blob: dataFile(layout, path, bytes, numbers) });
  for (const { file, bytes } of [...graphs.flatMap((set) => set.files), ...upstream]) {
    files.push({ path: file, blob: new Blob([new Uint8Array(bytes)]) });
  }
  for (const path of TAKEN) {
    const blob = await language.blob(path);
    if (blob !== undefined) files.push({ path, blob });
  }
  files.push({ path: 'preprocessor_config.json', blob: jsonBlob(PROCESSOR) });
  files.push({ path: 'config.json', blob: jsonBlob(stockConfig(config, geometry, dtype, layout.files.keys())) });

  // 3. What the folder says of itself. Nobody checks hashes of files in hand, so there are none.
  const manifest: Manifest = {
    format: 'visionthink-model',
    version: MANIFEST_VERSION,
    name: shapes.name,
    source: 'random numbers',
    dtype,
    geometry,
    parameters,
    largestTensorBytes: layout.largestBytes,
    variants: graphs.map(({ name, graphs: parts }) => ({ name, graphs: parts })),
    defaultPixelBudget: null,
    files: files.map(({ path, blob }) => ({ path, bytes: blob.size, sha256: '' })),
  };
  return [...files, { path: MANIFEST_FILE, blob: jsonBlob(manifest) }];
}

/** Token ids and class names of a folder's config.json, without any of its sizes. */
async function languageConfig(language: FileSource): Promise<Record<string, unknown>> {
  const config = await json(language, 'config.json');
  if (!isObject(config)) return {};
  const { text_config: _text, vision_config: _vision, ...rest } = config;
  return rest;
}

async function json(source: FileSource, path: string): Promise<unknown> {
  const blob = await source.blob(path);
  return blob === undefined ? undefined : tryParseJson(await blob.text());
}

function jsonBlob(value: unknown): Blob {
  return new Blob([JSON.stringify(value)]);
}

function countParameters(geometry: ModelConfig): number {
  let sum = 0;
  for (const [name, shape] of tensorShapes(geometry)) {
    if (name === 'lm_head.weight' && geometry.text.tieWordEmbeddings) continue;
    sum += shape.reduce((a, b) => a * b, 1);
  }
  return sum;
}

/** A data file: its regions in order, the gaps between them zero. */
function dataFile(layout: WeightLayout, path: string, bytes: number, numbers: RandomNumbers): Blob {
  const regions = layout.jobs.flatMap((job) => regionsOf(job, numbers)).filter(({ to }) => to.location === path);
  const parts: BlobPart[] = [];
  let end = 0;
  for (const { to, chunk } of regions.toSorted((a, b) => a.to.offset - b.to.offset)) {
    if (to.offset > end) parts.push(new Uint8Array(to.offset - end));
    parts.push(...chunk.fill(to.length));
    end = to.offset + to.length;
  }
  const file = new Blob(parts);
  if (file.size !== bytes) throw new Error(`${path} has ${file.size} bytes where ${bytes} were laid out`);
  return file;
}

/** A region, and what it is filled with from the start, as often as it takes. */
interface Filled {
  readonly to: ExternalData;
  readonly chunk: Chunk;
}

function regionsOf(job: WeightJob, numbers: RandomNumbers): Filled[] {
  const { tensors, cols } = job.source;
  if (job.kind === 'quantized') {
    const scale = 1 / (CODE_DEVIATION[job.bits] * Math.sqrt(cols));
    return [
      { to: job.weights, chunk: numbers.codes(job.bits) },
      { to: job.scales, chunk: numbers.floats(job.scaleType, 0.5 * scale, 1.5 * scale) },
    ];
  }
  const isVector = cols === 1;
  const limit = isVector ? BIAS : 1 / (EVEN_DEVIATION * Math.sqrt(cols));
  const isNorm = isVector && tensors.every((name) => name.endsWith('.weight'));
  return [{ to: job.to, chunk: isNorm ? numbers.floats(job.type, 1, 1) : numbers.floats(job.type, -limit, limit) }];
}

/**
 * Bytes to fill any length with, by Blobs of every power of two of bytes. Whole Blobs inside of others cost a browser nothing,
 * while a slice of one is a copy: enough of these, and it can hold no more.
 */
class Chunk {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #pieces = new Map<number, Blob>();

  /** `bytes`: a power of two of them. */
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  /** Blobs of `length` bytes in all. */
  fill(length: number): Blob[] {
    const parts: Blob[] = [];
    let left = length;
    for (let size = this.#bytes.length; left > 0; size /= 2) {
      for (; left >= size; left -= size) parts.push(this.#piece(size));
    }
    return parts;
  }

  #piece(size: number): Blob {
    const known = this.#pieces.get(size);
    if (known !== undefined) return known;
    const piece = new Blob([this.#bytes.subarray(0, size)]);
    this.#pieces.set(size, piece);
    return piece;
  }
}

/** Chunks of numbers, each made once. */
class RandomNumbers {
  readonly #chunks = new Map<string, Chunk>();
  #state = 0x9e3779b9;

  /** Codes of a quantised matrix, of mean zero: the lowest code is left out. */
  codes(bits: 4 | 8): Chunk {
    return this.#chunk(`codes ${bits}`, () => {
      const bytes = new Uint8Array(CODE_CHUNK);
      for (let i = 0; i < bytes.length; i++) {
        const random = this.#next();
        bytes[i] = bits === 8 ? 1 + (random % 255) : (1 + (random % 15)) | ((1 + ((random >>> 8) % 15)) << 4);
      }
      return bytes;
    });
  }

  /** Numbers drawn evenly from `low` to `high`. */
  floats(type: FloatType, low: number, high: number): Chunk {
    return this.#chunk(`${type} ${low} ${high}`, () => {
      const values = new Float32Array(FLOAT_CHUNK);
      for (let i = 0; i < values.length; i++) values[i] = low + ((high - low) * this.#next()) / 2 ** 32;
      return type === 'f16' ? f32ToF16(values) : values;
    });
  }

  #chunk(name: string, make: () => ArrayBufferView): Chunk {
    const known = this.#chunks.get(name);
    if (known !== undefined) return known;
    const { buffer } = make();
    const chunk = new Chunk(new Uint8Array(buffer as ArrayBuffer));
    this.#chunks.set(name, chunk);
    return chunk;
  }

  /** The next of a sequence of 32-bit numbers. Source: Marsaglia, "Xorshift RNGs" (2003). */
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }
}
