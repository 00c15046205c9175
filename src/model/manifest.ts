/**
 * The manifest of a model folder: what the converter made, from which source, and every file with its size and hash. The
 * folder is complete if each listed file has the stated size and SHA-256.
 */
import { NamedError } from '../shared/errors.ts';
import { isObject, type JsonObject } from '../shared/json.ts';
import { type ModelConfig, readModelConfig } from './model-config.ts';

/** Its name in the folder. */
export const MANIFEST_FILE = 'manifest.json';

/** Paths inside the folder: names of letters, digits and `._-`, each beginning with a letter or digit. */
const PATH = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)*$/;

/** Version of the manifest and of the graphs' inputs and outputs; other versions are refused. */
export const MANIFEST_VERSION = 1;

/** The graphs of a model folder. */
export const GRAPHS = ['vision_encoder', 'embed_tokens', 'decoder', 'attention_check'] as const;

/** One of {@link GRAPHS}. */
export type GraphName = (typeof GRAPHS)[number];

/** The activations' type a set of graphs computes in. */
export type Activations = 'f32' | 'f16';

/**
 * A set of graphs. `f32-unpacked` is for small models on a CPU: quantised matrices are unpacked to f32 once, when the
 * session is made, because onnxruntime's CPU kernels for them unpack at every run.
 */
export const VARIANTS = ['f16', 'f32', 'f32-unpacked'] as const;

/** One of {@link VARIANTS}. */
export type VariantName = (typeof VARIANTS)[number];

/** The type a variant computes in. */
export function activationsOf(variant: VariantName): Activations {
  return variant === 'f16' ? 'f16' : 'f32';
}

/** A graph and the data files its weights lie in. */
export interface GraphFiles {
  readonly file: string;
  readonly data: readonly string[];
}

/** The graphs of one variant. */
export interface Variant {
  readonly name: VariantName;
  readonly graphs: Readonly<Record<GraphName, GraphFiles>>;
}

/** A file of the folder. */
export interface FileRecord {
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal; for a long file the hash of its pieces' hashes (shared/sha256.ts, hashBlob). */
  readonly sha256: string;
  /** Set on files that only transformers.js reads. */
  readonly onlyFor?: 'transformers.js';
}

/** What manifest.json holds. */
export interface Manifest {
  readonly format: 'visionthink-model';
  readonly version: typeof MANIFEST_VERSION;
  readonly name: string;
  /** Where the weights came from: a folder's name, or a hub's `owner/name@commit`. */
  readonly source: string;
  /** The dtype given to the converter. */
  readonly dtype: string;
  /** `model_type` of the architecture. */
  readonly architecture: string;
  /** Only partly validated here: the architecture's own reader checks the rest (architectures/registry.ts, folderModel). */
  readonly config: ModelConfig;
  /** Weights of the checkpoint, counted once when tied. */
  readonly parameters: number;
  /** The largest weight: a GPU must be able to bind a buffer of this size. */
  readonly largestTensorBytes: number;
  /** The variants that the folder can run. */
  readonly variants: readonly Variant[];
  /** Used when the settings name no pixel budget; null: only the image processor's own limit. */
  readonly defaultPixelBudget: number | null;
  /** Every file but the manifest. */
  readonly files: readonly FileRecord[];
}

/** The architecture of older manifests, which name none and call the config `geometry`. */
const FIRST_ARCHITECTURE = 'qwen2_5_vl';

/** Reads a manifest. Throws ModelFolderError saying what is wrong with it. */
export function parseManifest(json: unknown): Manifest {
  if (!isObject(json) || json['format'] !== 'visionthink-model') {
    throw broken('it is not the manifest of a model folder', "Choose a folder that this project's converter wrote.");
  }
  if (json['version'] !== MANIFEST_VERSION) {
    throw broken(
      `its version is ${JSON.stringify(json['version'])}, this app reads version ${MANIFEST_VERSION}`,
      'Convert the checkpoint again with the converter of this app.',
    );
  }
  const files = list(json, 'files').map(parseFile);
  const known = new Set<string>();
  for (const { path } of files) {
    if (known.has(path)) throw broken(`it lists the path "${path}" twice`);
    known.add(path);
  }
  const variants = list(json, 'variants').map((variant) => parseVariant(variant, known));
  if (variants.length === 0) throw broken('it lists no graphs');
  const budget = json['defaultPixelBudget'];
  if (budget !== null && !(typeof budget === 'number' && budget > 0)) {
    throw broken('"defaultPixelBudget" must be a number above 0, or null');
  }
  return {
    format: 'visionthink-model',
    version: MANIFEST_VERSION,
    name: string(json, 'name'),
    source: string(json, 'source'),
    dtype: string(json, 'dtype'),
    architecture: json['architecture'] === undefined ? FIRST_ARCHITECTURE : string(json, 'architecture'),
    config: readModelConfig(json['config'] ?? json['geometry']),
    parameters: count(json, 'parameters'),
    largestTensorBytes: count(json, 'largestTensorBytes'),
    variants,
    defaultPixelBudget: budget,
    files,
  };
}

/** The variant a CPU runs best, or undefined if the folder has none. */
export function cpuVariant(manifest: Manifest): VariantName | undefined {
  return (['f32-unpacked', 'f32'] as const).find((name) => manifest.variants.some((variant) => variant.name === name));
}

function parseFile(value: unknown): FileRecord {
  if (!isObject(value)) throw broken('an entry of "files" is no object');
  const record = { path: string(value, 'path'), bytes: count(value, 'bytes'), sha256: string(value, 'sha256') };
  if (!PATH.test(record.path) || record.path === MANIFEST_FILE)
    throw broken(`it lists the impossible path "${record.path}"`);
  return value['onlyFor'] === 'transformers.js' ? { ...record, onlyFor: 'transformers.js' } : record;
}

function parseVariant(value: unknown, known: ReadonlySet<string>): Variant {
  if (!isObject(value)) throw broken('an entry of "variants" is no object');
  const stated = string(value, 'name');
  const name = VARIANTS.find((known) => known === stated);
  if (name === undefined) throw broken(`unknown variant "${stated}"`);
  const graphs = value['graphs'];
  if (!isObject(graphs)) throw broken('a variant has no "graphs"');
  const parseGraph = (graphName: GraphName): GraphFiles => {
    const graph = graphs[graphName];
    if (!isObject(graph)) throw broken(`the variant ${name} lacks the graph ${graphName}`);
    const parsed = { file: string(graph, 'file'), data: list(graph, 'data').map(String) };
    for (const path of [parsed.file, ...parsed.data]) {
      if (!known.has(path)) throw broken(`the graph ${graphName} needs ${path}, which "files" does not list`);
    }
    return parsed;
  };
  return {
    name,
    graphs: {
      vision_encoder: parseGraph('vision_encoder'),
      embed_tokens: parseGraph('embed_tokens'),
      decoder: parseGraph('decoder'),
      attention_check: parseGraph('attention_check'),
    },
  };
}

function string(from: JsonObject, key: string): string {
  const value = from[key];
  if (typeof value !== 'string') throw broken(`"${key}" must be a string`);
  return value;
}

function count(from: JsonObject, key: string): number {
  const value = from[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw broken(`"${key}" must be a count`);
  return value;
}

function list(from: JsonObject, key: string): readonly unknown[] {
  const value = from[key];
  if (!Array.isArray(value)) throw broken(`"${key}" must be a list`);
  return value;
}

function broken(why: string, fix = 'Convert the checkpoint again, or copy the folder anew.'): NamedError {
  return new NamedError('ModelFolderError', `${MANIFEST_FILE} cannot be used: ${why}. ${fix}`);
}
