/**
 * What a conversion will read and write, found out from a checkpoint's settings and headers alone: no weight is read.
 *
 *   1. read the configuration, and check every tensor's presence and shape;
 *   2. build the graphs, which lays out the data files;
 *   3. the small files.
 */
import { type ModelConfig, parseGeometry } from '../model/model-config.ts';
import { type FileRecord, type Manifest, MANIFEST_VERSION } from '../model/manifest.ts';
import { parseProcessorSettings, type ProcessorSettings } from '../model/processor-settings.ts';
import { parsePrompts, promptsFile, type PromptSet, promptSetFor } from '../model/prompts.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { hashBytes } from '../shared/sha256.ts';
import { noConfig, noJson, optionalJson, requiredJson, requiredText } from './checkpoint-files.ts';
import { buildGraphs, buildStockGraphs } from './graph-sets.ts';
import type { ConversionFacts } from './journal.ts';
import { dataFileName, type Layout, stockConfig, stockProcessor } from './layouts.ts';
import { type Dtype, PRECISIONS } from './precision.ts';
import { openSafetensors, type TensorStore } from './safetensors.ts';
import type { TensorEntry } from './safetensors-header.ts';
import { resolveTensors } from './tensor-names.ts';
import { type Placement, placementsByTensor } from './placements.ts';
import { WeightLayout } from './weight-layout.ts';

/** Original images larger than this are what stock Qwen2.5-VL scales down; a smaller limit marks a model of a smaller world. */
const QWEN_MAX_PIXELS = 12_845_056;

/** What folder a checkpoint is to become. */
export interface PlanOptions {
  readonly dtype: Dtype;
  /** The model's name in the manifest; the checkpoint's name where absent. */
  readonly name?: string;
  /** Prompts to write when the checkpoint brings none; chosen by the checkpoint's name where absent. */
  readonly prompts?: PromptSet;
  /** `transformers.js` adds what stock transformers.js needs; `visionthink` where absent. */
  readonly layout?: Layout;
}

/** A tensor of the checkpoint that the model needs, and where its rows go. */
export interface PlannedTensor {
  readonly entry: TensorEntry;
  readonly placements: readonly Placement[];
}

/** A file of the folder that is at hand already. */
export interface SmallFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly onlyFor?: FileRecord['onlyFor'];
}

/** A conversion, ready to be run. */
export interface ConversionPlan {
  readonly source: FileSource;
  readonly store: TensorStore;
  /** Tensors the model needs, file by file in the order of their bytes. */
  readonly tensors: readonly PlannedTensor[];
  /** Bytes of those tensors: what will be read, and downloaded where the checkpoint is remote. */
  readonly readBytes: number;
  /** Bytes of the finished folder, but for the manifest. */
  readonly folderBytes: number;
  /** Data files with their sizes. */
  readonly dataFiles: ReadonlyMap<string, number>;
  /** All other files. */
  readonly smallFiles: readonly SmallFile[];
  readonly facts: ConversionFacts;
  /** The manifest without its list of files. */
  readonly manifest: Omit<Manifest, 'files'>;
}

/**
 * Reads settings and headers of the checkpoint in `source`. Throws CheckpointError, SafetensorsError or ModelFolderError for
 * one that cannot be converted, and whatever reading throws.
 */
export async function planConversion(source: FileSource, options: PlanOptions): Promise<ConversionPlan> {
  // 1. What is there.
  const { dtype, layout: folderLayout = 'visionthink' } = options;
  if ((await source.blob('config.json')) === undefined) throw await noConfig(source);
  const config = await requiredJson(source, 'config.json');
  const geometry = parseGeometry(config, await optionalJson(source, 'generation_config.json'));
  const processorJson = await imageProcessorJson(source);
  const processor = parseProcessorSettings(processorJson);
  checkPatches(processor, geometry);
  const promptsJson =
    (await optionalJson(source, 'prompts.json')) ?? promptsFile(options.prompts ?? promptSetFor(source.name));
  parsePrompts(promptsJson);
  const tokenizer = await requiredText(source, 'tokenizer.json');
  if (tryParseJson(tokenizer) === undefined) throw noJson(source, 'tokenizer.json');
  const tokenizerConfig = JSON.stringify((await optionalJson(source, 'tokenizer_config.json')) ?? {}, null, 1);
  const store = await openSafetensors(source);
  const resolved = resolveTensors(store, geometry);

  // 2. What will be there.
  const layout = new WeightLayout(PRECISIONS[dtype], dataFileName(folderLayout, dtype));
  const parameters = [...store.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const graphs = buildGraphs(layout, geometry, parameters);
  const stock = folderLayout === 'transformers.js' ? buildStockGraphs(layout, geometry, dtype) : [];
  const tensors = plannedTensors(layout, store, (canonical) => resolved.name(canonical));

  // 3. Small files.
  const isStock = folderLayout === 'transformers.js' && isObject(config) && isObject(processorJson);
  const text = (path: string, content: string, onlyFor?: FileRecord['onlyFor']): SmallFile => {
    const bytes = new TextEncoder().encode(content);
    return onlyFor === undefined ? { path, bytes } : { path, bytes, onlyFor };
  };
  const smallFiles: SmallFile[] = [
    ...graphs.flatMap((set) => set.files).map(({ file, bytes }) => ({ path: file, bytes: new Uint8Array(bytes) })),
    text('tokenizer.json', tokenizer),
    text('tokenizer_config.json', tokenizerConfig),
    text('preprocessor_config.json', JSON.stringify(isStock ? stockProcessor(processorJson) : processorJson, null, 1)),
    text('generation_config.json', JSON.stringify({ eos_token_id: geometry.tokens.eosTokenIds }, null, 1)),
    text('prompts.json', JSON.stringify(promptsJson, null, 1)),
  ];
  if (isStock) {
    const onlyFor = 'transformers.js';
    for (const { file, bytes } of stock) smallFiles.push({ path: file, bytes: new Uint8Array(bytes), onlyFor });
    const settings = stockConfig(config, geometry, dtype, layout.files.keys());
    smallFiles.push(text('config.json', JSON.stringify(settings, null, 1), onlyFor));
  }

  const readBytes = tensors.reduce((sum, { entry }) => sum + entry.byteLength, 0);
  const dataBytes = [...layout.files.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    source,
    store,
    tensors,
    readBytes,
    folderBytes: smallFiles.reduce((sum, { bytes }) => sum + bytes.length, dataBytes),
    dataFiles: layout.files,
    smallFiles,
    facts: {
      source: source.name,
      commit: source.commit,
      dtype,
      layout: folderLayout,
      regions: await hashText(JSON.stringify(layout.jobs)),
      versions: await weightVersions(store, source),
      readBytes,
      outputs: Object.fromEntries(layout.files),
    },
    manifest: {
      format: 'visionthink-model',
      version: MANIFEST_VERSION,
      name: options.name ?? source.name.split('/').at(-1) ?? source.name,
      source: source.commit === undefined ? source.name : `${source.name}@${source.commit}`,
      dtype,
      geometry,
      parameters,
      largestTensorBytes: layout.largestBytes,
      variants: graphs.map(({ name, graphs: files }) => ({ name, graphs: files })),
      defaultPixelBudget: processor.maxPixels < QWEN_MAX_PIXELS ? processor.maxPixels : null,
    },
  };
}

/** The checkpoint's tensors with all of their places, in the order in which they lie in their files. */
function plannedTensors(
  layout: WeightLayout,
  store: TensorStore,
  nameOf: (canonical: string) => string,
): PlannedTensor[] {
  const rowCount = (canonical: string): number => store.tensors.get(nameOf(canonical))?.shape[0] ?? 0;
  const byName = new Map<string, Placement[]>();
  for (const [canonical, placements] of placementsByTensor(layout.jobs, rowCount)) {
    const name = nameOf(canonical);
    byName.set(name, [...(byName.get(name) ?? []), ...placements]);
  }
  // The store lists tensors file by file, in the order of their bytes.
  return [...store.tensors.values()].flatMap((entry) => {
    const placements = byName.get(entry.name);
    return placements === undefined ? [] : [{ entry, placements }];
  });
}

/** What tells whether a file with weights is still the one it was. */
async function weightVersions(store: TensorStore, source: FileSource): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const [path, { size }] of store.files) {
    versions[path] = `${size} bytes ${(await source.version?.(path)) ?? ''}`.trimEnd();
  }
  return versions;
}

function hashText(text: string): Promise<string> {
  return hashBytes(new TextEncoder().encode(text));
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
function checkPatches(processor: ProcessorSettings, { vision }: ModelConfig): void {
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
