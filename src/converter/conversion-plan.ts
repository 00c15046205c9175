/**
 * Plans what a conversion will read and write, from a checkpoint's settings and headers alone: no weight is read.
 *
 *   1. read the configuration, and check every tensor's presence and shape;
 *   2. build the graphs, which lays out the data files;
 *   3. the small files.
 */
import type { ModelDefinition } from '../architectures/architecture.ts';
import { checkpointModel } from '../architectures/registry.ts';
import { type FileRecord, type Manifest, MANIFEST_VERSION } from '../model/manifest.ts';
import type { ProcessorSettings } from '../model/processor-settings.ts';
import { promptsFile, promptSetFor } from '../model/prompt-files.ts';
import { parsePrompts } from '../model/prompts.ts';
import type { PromptSet } from '../shared/prompt-sets.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject } from '../shared/json.ts';
import { hashBytes } from '../shared/sha256.ts';
import { noConfig, optionalJson, requiredJson } from './checkpoint-files.ts';
import { buildGraphs, buildTransformersJsGraphs } from './graph-sets.ts';
import type { ConversionFacts } from './journal.ts';
import { dataFileName, type Layout, noTransformersJs, transformersJsFiles } from './layouts.ts';
import { type Dtype, precisionOf } from './dtypes.ts';
import { openSafetensors, type TensorStore } from './safetensors.ts';
import type { TensorEntry } from './safetensors-header.ts';
import { resolveTensors } from './resolve-tensors.ts';
import { tokenizerText } from './tokenizer-files.ts';
import { withOwnHead } from './tied-head.ts';
import { type Placement, placementsByTensor } from './placements.ts';
import { WeightLayout } from '../onnx/weight-layout.ts';

/** Options of the model folder. */
export interface PlanOptions {
  readonly dtype: Dtype;
  /** The model's name in the manifest, by default the checkpoint's name. */
  readonly name?: string;
  /** Prompts for a checkpoint without its own, by default chosen by the checkpoint's name. */
  readonly prompts?: PromptSet;
  /** `transformers.js` adds what transformers.js needs; the default is `visionthink`. */
  readonly layout?: Layout;
}

/** A tensor that the model needs, and the destinations of its rows. */
export interface PlannedTensor {
  readonly entry: TensorEntry;
  readonly placements: readonly Placement[];
}

/** A small file of the folder, with its content. */
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
  /** Bytes of those tensors: read from disk, or downloaded if the checkpoint is remote. */
  readonly readBytes: number;
  /** Bytes of the finished folder, without the manifest. */
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
  // 1. Read the checkpoint's settings and headers.
  const { dtype, layout: folderLayout = 'visionthink' } = options;
  if ((await source.blob('config.json')) === undefined) throw await noConfig(source);
  const config = await requiredJson(source, 'config.json');
  const described = checkpointModel(config, await optionalJson(source, 'generation_config.json'));
  const stated = await described.conversion();
  if (folderLayout === 'transformers.js' && stated.transformersJs === undefined)
    throw noTransformersJs(stated.modelType);
  const processorJson = await imageProcessorJson(source);
  const processor = stated.parseProcessor(processorJson);
  checkPatches(processor, stated);
  const promptsJson =
    (await optionalJson(source, 'prompts.json')) ??
    promptsFile(options.prompts ?? promptSetFor(source.name), stated.chat);
  parsePrompts(promptsJson, stated.chat);
  const tokenizerConfig = (await optionalJson(source, 'tokenizer_config.json')) ?? {};
  const tokenizer = await tokenizerText(source, stated, isObject(tokenizerConfig) ? tokenizerConfig : {});
  const store = await openSafetensors(source);
  const model = await withOwnHead(stated, store);
  const resolved = resolveTensors(store, model);

  // 2. Lay out the data files.
  const layout = new WeightLayout(
    precisionOf(dtype, model.checkpoint.eightBitPrefixes),
    dataFileName(folderLayout, dtype),
  );
  const parameters = [...store.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const graphs = buildGraphs(layout, model, parameters);
  const upstream = folderLayout === 'transformers.js' ? model.transformersJs : undefined;
  const upstreamGraphs = upstream === undefined ? [] : buildTransformersJsGraphs(layout, upstream, dtype);
  const tensors = plannedTensors(layout, store, (canonical) => resolved.name(canonical));

  // 3. Small files.
  const written = upstream !== undefined && isObject(processorJson) ? upstream.processor(processorJson) : processorJson;
  const text = (path: string, content: string, onlyFor?: FileRecord['onlyFor']): SmallFile => {
    const bytes = new TextEncoder().encode(content);
    return onlyFor === undefined ? { path, bytes } : { path, bytes, onlyFor };
  };
  const smallFiles: SmallFile[] = [
    ...graphs.flatMap((set) => set.files).map(({ file, bytes }) => ({ path: file, bytes: new Uint8Array(bytes) })),
    text('tokenizer.json', tokenizer),
    text('tokenizer_config.json', JSON.stringify(tokenizerConfig, null, 1)),
    text('preprocessor_config.json', JSON.stringify(written, null, 1)),
    text('generation_config.json', JSON.stringify({ eos_token_id: model.config.tokens.eosTokenIds }, null, 1)),
    text('prompts.json', JSON.stringify(promptsJson, null, 1)),
  ];
  if (upstream !== undefined && isObject(config)) {
    const onlyFor = 'transformers.js';
    for (const { file, bytes } of upstreamGraphs)
      smallFiles.push({ path: file, bytes: new Uint8Array(bytes), onlyFor });
    const settings = { ...upstream.config(config), ...transformersJsFiles(dtype, layout.files.keys()) };
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
      architecture: model.modelType,
      config: model.config,
      parameters,
      largestTensorBytes: layout.largestBytes,
      variants: graphs.map(({ name, graphs: files }) => ({ name, graphs: files })),
      defaultPixelBudget: processor.maxPixels < model.usualMaxPixels ? processor.maxPixels : null,
    },
  };
}

/** The checkpoint's tensors with all of their placements, in file order. */
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

/** For each file with weights, a value that changes when its content does. */
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
 * The image processor's settings: those inside processor_config.json, as newer versions of transformers save them, win over a
 * preprocessor_config.json beside it. Without either, the architecture's own hold.
 * Source: transformers 5.18, `image_processing_base.py`, get_image_processor_dict.
 */
async function imageProcessorJson(source: FileSource): Promise<unknown> {
  const whole = await optionalJson(source, 'processor_config.json');
  const nested = isObject(whole) ? whole['image_processor'] : undefined;
  return nested ?? (await optionalJson(source, 'preprocessor_config.json')) ?? {};
}

/** Checks that the image processor's patches match the vision tower. */
function checkPatches(processor: ProcessorSettings, { config: { vision } }: ModelDefinition): void {
  const pairs = [
    ['patch_size', processor.patchSize, vision.patchSize],
    ['temporal_patch_size', processor.temporalPatchSize, vision.temporalPatchSize],
    ['merge_size', processor.mergeSize, vision.spatialMergeSize],
  ] as const;
  for (const [key, found, expected] of pairs) {
    if (found === expected) continue;
    throw new NamedError(
      'CheckpointError',
      `preprocessor_config.json says ${key} ${found}, the model of config.json takes ${expected}. Use two files of one checkpoint.`,
    );
  }
}
