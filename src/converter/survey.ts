/**
 * What a checkpoint would become, found out from its list of files and its config.json alone: no weight and no header is read.
 * Sizes of the model folder follow from the geometry and the dtype.
 */
import { type ModelConfig, parseGeometry } from '../model/model-config.ts';
import { type PromptSet, promptSetFor } from '../model/prompts.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject } from '../shared/json.ts';
import { noConfig, optionalJson, requiredJson } from './checkpoint-files.ts';
import { buildGraphs } from './graph-sets.ts';
import { dataFileName } from './layouts.ts';
import { missingWeights } from './missing-weights.ts';
import { type Dtype, DTYPES, PRECISIONS } from './precision.ts';
import { readShardIndex } from './shard-index.ts';
import { WeightLayout } from './weight-layout.ts';

/** Files beside the weights that a conversion reads. */
const SMALL_FILES = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'preprocessor_config.json'] as const;

/** What a model folder of one dtype takes. Bytes. */
export interface FolderSizes {
  readonly dtype: Dtype;
  /** Of the whole folder, but for the manifest. */
  readonly folderBytes: number;
  /** Of the weights, which all go to the GPU. */
  readonly weightBytes: number;
  /** Of the largest weight: a GPU must be able to bind a buffer of this size. */
  readonly largestTensorBytes: number;
}

/** A checkpoint that was looked at. */
export interface CheckpointSurvey {
  readonly geometry: ModelConfig;
  /** Weights of the model, padding counted. */
  readonly parameters: number;
  /** Bytes of the files that a conversion reads. */
  readonly readBytes: number;
  /** Prompts the model folder will carry; `own`: those the checkpoint brings. */
  readonly prompts: PromptSet | 'own';
  /** For every dtype the converter writes, in the order of {@link DTYPES}; a dtype whose matrices no file can hold is left out. */
  readonly sizes: readonly FolderSizes[];
}

/**
 * Looks at the checkpoint in `source`.
 * @throws CheckpointError or SafetensorsError for one that cannot be converted, as far as that shows already; what reading throws
 */
export async function surveyCheckpoint(source: FileSource): Promise<CheckpointSurvey> {
  if ((await source.blob('config.json')) === undefined) throw await noConfig(source);
  const config = await requiredJson(source, 'config.json');
  const geometry = parseGeometry(config, await optionalJson(source, 'generation_config.json'));
  const index = await readShardIndex(source);
  const weightFiles = index === undefined ? ['model.safetensors'] : [...new Set(index.values())];
  let weights = 0;
  for (const path of weightFiles) {
    const blob = await source.blob(path);
    if (blob === undefined && index === undefined) throw await missingWeights(source);
    weights += blob?.size ?? 0; // a shard that is missing is met, with all the words it needs, when the conversion is planned
  }
  let small = 0;
  for (const path of SMALL_FILES) small += (await source.blob(path))?.size ?? 0;
  const tokenizerBytes = (await source.blob('tokenizer.json'))?.size ?? 0;
  const prompts = isObject(await optionalJson(source, 'prompts.json')) ? 'own' : promptSetFor(source.name);
  return {
    geometry,
    parameters: parametersOf(geometry),
    readBytes: weights + small,
    prompts,
    sizes: sizesOf(geometry, tokenizerBytes),
  };
}

/** The sizes of a model folder for every dtype. `otherBytes`: files that are copied as they are. */
export function sizesOf(geometry: ModelConfig, otherBytes: number): FolderSizes[] {
  const parameters = parametersOf(geometry);
  return DTYPES.flatMap((dtype) => {
    try {
      const layout = new WeightLayout(PRECISIONS[dtype], dataFileName('visionthink', dtype));
      const graphs = buildGraphs(layout, geometry, parameters).flatMap(({ files }) => files);
      const graphBytes = graphs.reduce((sum, { bytes }) => sum + bytes.length, 0);
      const weightBytes = [...layout.files.values()].reduce((sum, bytes) => sum + bytes, 0);
      return [
        {
          dtype,
          folderBytes: weightBytes + graphBytes + otherBytes,
          weightBytes,
          largestTensorBytes: layout.largestBytes,
        },
      ];
    } catch {
      return []; // a matrix of more than a file's bytes: the converter refuses this dtype
    }
  });
}

function parametersOf(geometry: ModelConfig): number {
  const layout = new WeightLayout(PRECISIONS.q4f16, dataFileName('visionthink', 'q4f16'));
  buildGraphs(layout, geometry, Infinity);
  return layout.jobs.reduce((sum, { source }) => sum + source.paddedRows * source.paddedCols, 0);
}
