/**
 * A model folder of given sizes with random weights, made quickly and with little memory, to measure speed. Its data files are
 * Blobs that repeat the same few chunks of random numbers, so a folder of 5 GB needs a few dozen MB. Laid out for both engines
 * (layouts.ts). The weights keep activations near one, so that nothing overflows in f16.
 */
import type { CheckpointTensors, Preset } from '../architectures/architecture.ts';
import { checkpointModel } from '../architectures/registry.ts';
import { type Manifest, MANIFEST_FILE, MANIFEST_VERSION } from '../model/manifest.ts';
import { f32ToF16 } from '../shared/float16.ts';
import type { FileSource, FolderFile } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { buildGraphs, buildTransformersJsGraphs } from './graph-sets.ts';
import { dataFileName, transformersJsFiles } from './layouts.ts';
import type { ExternalData } from '../onnx/graph-builder.ts';
import { type Dtype, precisionOf } from './dtypes.ts';
import type { FloatType } from '../onnx/precision.ts';
import { type WeightJob, WeightLayout } from '../onnx/weight-layout.ts';

/** Bytes of a chunk of quantized values: large enough that neighbouring rows of a matrix differ. */
const VALUES_CHUNK = 1 << 24;
/** Numbers in a chunk of floats. */
const FLOAT_CHUNK = 1 << 20;
/** Standard deviation of a 4-bit value drawn evenly from -7 to 7, and of an 8-bit one from -127 to 127. */
const VALUE_DEVIATION = { 4: 4.32, 8: 73.3 } as const;
/** Standard deviation of a number drawn evenly from -1 to 1. */
const EVEN_DEVIATION = 0.577;
/** Largest magnitude of a bias. */
const BIAS = 0.02;

/** Files that a random folder takes from a real one: tokenizer and prompts. */
const TAKEN = ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json', 'prompts.json'] as const;

/**
 * The files of a model folder of a preset's sizes. `language`: the folder that supplies tokenizer, prompts and token
 * ids; they must fit into the vocabulary. Equal calls give equal files. Throws CheckpointError when the sizes are impossible.
 */
export async function randomFolder(preset: Preset, dtype: Dtype, language: FileSource): Promise<FolderFile[]> {
  // 1. The model, and the graphs over it.
  const config = { ...(await languageConfig(language)), ...preset.config };
  const model = await checkpointModel(config, await json(language, 'generation_config.json')).conversion();
  const { transformersJs } = model;
  const layout = new WeightLayout(
    precisionOf(dtype, model.checkpoint.eightBitPrefixes),
    dataFileName(transformersJs === undefined ? 'visionthink' : 'transformers.js', dtype),
  );
  const parameters = countParameters(model.checkpoint);
  const graphs = buildGraphs(layout, model, parameters);
  const upstream = transformersJs === undefined ? [] : buildTransformersJsGraphs(layout, transformersJs, dtype);

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
  files.push({ path: 'preprocessor_config.json', blob: jsonBlob(preset.processor) });
  if (transformersJs !== undefined) {
    const upstreamConfig = { ...transformersJs.config(config), ...transformersJsFiles(dtype, layout.files.keys()) };
    files.push({ path: 'config.json', blob: jsonBlob(upstreamConfig) });
  }

  // 3. The manifest. Nothing verifies the hashes of in-memory files, so there are none.
  const manifest: Manifest = {
    format: 'visionthink-model',
    version: MANIFEST_VERSION,
    name: preset.name,
    source: 'random numbers',
    dtype,
    architecture: model.modelType,
    config: model.config,
    parameters,
    largestTensorBytes: layout.largestBytes,
    variants: graphs.map(({ name, graphs: files }) => ({ name, graphs: files })),
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

/** Weights of the model; a matrix that two canonical names share counts once. */
function countParameters({ shapes, spellings }: CheckpointTensors): number {
  const stored = new Map([...shapes].map(([canonical, shape]) => [spellings(canonical)[0], shape]));
  return [...stored.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
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

/** A region, and the chunk that fills it by repetition. */
interface Filled {
  readonly to: ExternalData;
  readonly chunk: Chunk;
}

function regionsOf(job: WeightJob, numbers: RandomNumbers): Filled[] {
  const { tensors, cols } = job.source;
  if (job.kind === 'quantized') {
    const scale = 1 / (VALUE_DEVIATION[job.bits] * Math.sqrt(cols));
    return [
      { to: job.weights, chunk: numbers.quantized(job.bits) },
      { to: job.scales, chunk: numbers.floats(job.scaleType, 0.5 * scale, 1.5 * scale) },
    ];
  }
  const isVector = cols === 1;
  const limit = isVector ? BIAS : 1 / (EVEN_DEVIATION * Math.sqrt(cols));
  const isNorm = isVector && tensors.every((name) => name.endsWith('.weight'));
  return [{ to: job.to, chunk: isNorm ? numbers.floats(job.type, 1, 1) : numbers.floats(job.type, -limit, limit) }];
}

/**
 * Fills any length from Blobs of every power of two of bytes. Nesting whole Blobs costs a browser nothing, while a slice is a
 * copy: enough slices would exhaust its memory.
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

  /** Values of a quantised matrix, of mean zero: the lowest value is left out. */
  quantized(bits: 4 | 8): Chunk {
    return this.#chunk(`quantized ${bits}`, () => {
      const bytes = new Uint8Array(VALUES_CHUNK);
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
