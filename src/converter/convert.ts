/**
 * Checkpoint in, model folder out.
 *
 *   1. read the configuration, and check every tensor's presence and shape;
 *   2. build the graphs, which lays out the data files;
 *   3. write weights, graphs, tokenizer and settings, hashing all that is written;
 *   4. write the manifest last: a folder without one is no model folder.
 *
 * The same code runs in Node and in a worker; it knows files only through FileSource and FileSink.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { type Geometry, parseGeometry } from '../model/geometry.ts';
import { type FileRecord, type Manifest, MANIFEST_FILE, MANIFEST_VERSION } from '../model/manifest.ts';
import { parseProcessorSettings, type ProcessorSettings } from '../model/processor-settings.ts';
import { parsePrompts, promptsFile, type PromptSet, promptSetFor } from '../model/prompts.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSink, FileSource, FileWriter } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { buildGraphs, buildStockGraphs } from './graph-sets.ts';
import { dataFileName, type Layout, stockConfig, stockProcessor } from './layouts.ts';
import { type Dtype, type Precision, PRECISIONS } from './precision.ts';
import { openSafetensors, type TensorStore } from './safetensors.ts';
import { resolveTensors } from './tensor-names.ts';
import { WeightLayout } from './weight-layout.ts';
import { type RowReader, writeWeights } from './write-weights.ts';

/** Original images larger than this are what stock Qwen2.5-VL scales down; a smaller limit marks a model of a smaller world. */
const QWEN_MAX_PIXELS = 12_845_056;

/** What the converter is asked to do. */
export interface ConvertOptions {
  readonly dtype: Dtype;
  /** The model's name in the manifest; the checkpoint's name where absent. */
  readonly name?: string;
  /** Prompts to write when the checkpoint brings none; chosen by the checkpoint's name where absent. */
  readonly prompts?: PromptSet;
  /** `transformers.js` adds what stock transformers.js needs; `visionthink` where absent. */
  readonly layout?: Layout;
  readonly onProgress?: (progress: ConvertProgress) => void;
}

/** How far the converter is, in bytes of weights written. */
export interface ConvertProgress {
  readonly written: number;
  readonly total: number;
  readonly detail: string;
}

/**
 * Converts the checkpoint in `source` into a model folder in `sink` and returns its manifest.
 * Throws CheckpointError, SafetensorsError or ModelFolderError for input that cannot be converted. Nothing is written then,
 * but for values that are no finite numbers: they are met while writing, and leave files without a manifest.
 */
export async function convertCheckpoint(
  source: FileSource,
  sink: FileSink,
  options: ConvertOptions,
): Promise<Manifest> {
  // 1. What is there.
  const { dtype, layout: folderLayout = 'visionthink' } = options;
  const config = await requiredJson(source, 'config.json');
  const geometry = parseGeometry(config, await optionalJson(source, 'generation_config.json'));
  const processorJson = await imageProcessorJson(source);
  const processor = parseProcessorSettings(processorJson);
  checkPatches(processor, geometry);
  const promptsJson =
    (await optionalJson(source, 'prompts.json')) ?? promptsFile(options.prompts ?? promptSetFor(source.name));
  parsePrompts(promptsJson);
  const tokenizer = await requiredText(source, 'tokenizer.json');
  await requiredJson(source, 'tokenizer.json');
  const tokenizerConfig = JSON.stringify((await optionalJson(source, 'tokenizer_config.json')) ?? {}, null, 1);
  const store = await openSafetensors(source);
  const reader = rowReader(store, geometry);

  // 2. What will be there.
  const precision: Precision = PRECISIONS[dtype];
  const layout = new WeightLayout(precision, dataFileName(folderLayout, dtype));
  const parameters = [...store.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const graphs = buildGraphs(layout, geometry, parameters);
  const stock = folderLayout === 'transformers.js' ? buildStockGraphs(layout, geometry, dtype) : [];
  const total = [...layout.files.values()].reduce((sum, bytes) => sum + bytes, 0);

  // 3. Write it.
  const output = new HashingSink(sink);
  await writeWeights(layout, reader, output, (written, detail) => options.onProgress?.({ written, total, detail }));
  for (const { file, bytes } of graphs.flatMap((set) => set.files)) await output.writeFile(file, bytes);
  const isStock = folderLayout === 'transformers.js' && isObject(config) && isObject(processorJson);
  const texts = {
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': tokenizerConfig,
    'preprocessor_config.json': JSON.stringify(isStock ? stockProcessor(processorJson) : processorJson, null, 1),
    'generation_config.json': JSON.stringify({ eos_token_id: geometry.tokens.eosTokenIds }, null, 1),
    'prompts.json': JSON.stringify(promptsJson, null, 1),
  };
  for (const [path, text] of Object.entries(texts)) await output.writeFile(path, new TextEncoder().encode(text));
  if (isStock) {
    for (const { file, bytes } of stock) await output.writeFile(file, bytes, 'transformers.js');
    const text = JSON.stringify(stockConfig(config, geometry, dtype, layout.files.keys()), null, 1);
    await output.writeFile('config.json', new TextEncoder().encode(text), 'transformers.js');
  }

  // 4. Declare it whole.
  const manifest: Manifest = {
    format: 'visionthink-model',
    version: MANIFEST_VERSION,
    name: options.name ?? source.name,
    source: source.name,
    dtype,
    geometry,
    parameters,
    largestTensorBytes: layout.largestBytes,
    variants: graphs.map(({ name, graphs: files }) => ({ name, graphs: files })),
    defaultPixelBudget: processor.maxPixels < QWEN_MAX_PIXELS ? processor.maxPixels : null,
    files: output.records,
  };
  const file = await sink.create(MANIFEST_FILE);
  await file.write(new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`));
  await file.close();
  return manifest;
}

function rowReader(store: TensorStore, geometry: Geometry): RowReader {
  const resolved = resolveTensors(store, geometry);
  return {
    rows: (tensor, first, count) => store.readRows(resolved.name(tensor), first, count),
    rowCount: (tensor) => store.tensors.get(resolved.name(tensor))?.shape[0] ?? 0,
  };
}

async function optionalText(source: FileSource, path: string): Promise<string | undefined> {
  return (await source.blob(path))?.text();
}

async function requiredText(source: FileSource, path: string): Promise<string> {
  const text = await optionalText(source, path);
  if (text === undefined) {
    throw new NamedError(
      'CheckpointError',
      `${source.name} has no ${path}. Choose a checkpoint folder as Hugging Face saves it, and download all of its files.`,
    );
  }
  return text;
}

async function optionalJson(source: FileSource, path: string): Promise<unknown> {
  const text = await optionalText(source, path);
  if (text === undefined) return undefined;
  const json = tryParseJson(text);
  if (json === undefined) {
    throw new NamedError('CheckpointError', `${path} of ${source.name} is no valid JSON. Download the file again.`);
  }
  return json;
}

async function requiredJson(source: FileSource, path: string): Promise<unknown> {
  await requiredText(source, path);
  return optionalJson(source, path);
}

/**
 * The image processor's settings: a file of their own, or, as newer transformers save a whole processor, a part of
 * processor_config.json. Without either, Qwen2.5-VL's own hold.
 */
async function imageProcessorJson(source: FileSource): Promise<unknown> {
  const own = await optionalJson(source, 'preprocessor_config.json');
  if (own !== undefined) return own;
  const whole = await optionalJson(source, 'processor_config.json');
  return (isObject(whole) ? whole['image_processor'] : undefined) ?? {};
}

/** The image processor must cut images as the vision tower takes them. */
function checkPatches(processor: ProcessorSettings, { vision }: Geometry): void {
  const pairs = [
    ['patch_size', processor.patchSize, vision.patchSize],
    ['temporal_patch_size', processor.temporalPatchSize, vision.temporalPatchSize],
    ['merge_size', processor.mergeSize, vision.spatialMergeSize],
  ] as const;
  for (const [key, found, wanted] of pairs) {
    if (found === wanted) continue;
    throw new NamedError(
      'CheckpointError',
      `preprocessor_config.json says ${key} ${found}, the model of config.json takes ${wanted}. Use two files of one checkpoint.`,
    );
  }
}

/** Passes files on to another sink and keeps a record of each. */
class HashingSink implements FileSink {
  readonly records: FileRecord[] = [];
  readonly #sink: FileSink;

  constructor(sink: FileSink) {
    this.#sink = sink;
  }

  async create(path: string, onlyFor?: FileRecord['onlyFor']): Promise<FileWriter> {
    const file = await this.#sink.create(path);
    const hash = sha256.create();
    let bytes = 0;
    return {
      write: async (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
        await file.write(chunk);
      },
      close: async () => {
        await file.close();
        const record = { path, bytes, sha256: bytesToHex(hash.digest()) };
        this.records.push(onlyFor === undefined ? record : { ...record, onlyFor });
      },
    };
  }

  async writeFile(path: string, content: Uint8Array, onlyFor?: FileRecord['onlyFor']): Promise<void> {
    const file = await this.create(path, onlyFor);
    await file.write(content);
    await file.close();
  }
}
