/**
 * Estimates what a checkpoint converts to, from its list of files and its config.json alone: no weight and no header is read.
 * Sizes of the model folder follow from the model config and the dtype.
 */
import type { ConvertibleModel } from '../architectures/architecture.ts';
import { checkpointModel } from '../architectures/registry.ts';
import { promptSetFor } from '../model/prompt-files.ts';
import type { PromptSet } from '../shared/prompt-sets.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject } from '../shared/json.ts';
import { noConfig, optionalJson, requiredJson } from './checkpoint-files.ts';
import { buildGraphs } from './graph-sets.ts';
import { dataFileName } from './layouts.ts';
import { missingWeights } from './missing-weights.ts';
import { type Dtype, DTYPES, precisionOf } from './dtypes.ts';
import { readShardIndex } from './shard-index.ts';
import { WeightLayout } from '../onnx/weight-layout.ts';

/** Files beside the weights and the tokenizer that a conversion reads. */
const SMALL_FILES = ['config.json', 'tokenizer_config.json', 'processor_config.json', 'preprocessor_config.json'];

/** Sizes of a model folder of one dtype, in bytes. */
export interface FolderSizes {
  readonly dtype: Dtype;
  /** Of the whole folder, without the manifest. */
  readonly folderBytes: number;
  /** Of the weights, which all go to the GPU. */
  readonly weightBytes: number;
  /** Of the largest weight: a GPU must be able to bind a buffer of this size. */
  readonly largestTensorBytes: number;
}

/** The survey of a checkpoint. */
export interface CheckpointSurvey {
  readonly model: ConvertibleModel;
  /** Weights of the model, padding counted. */
  readonly parameters: number;
  /** Bytes of the files that a conversion reads. */
  readonly readBytes: number;
  /** Prompts the model folder will carry; `own`: the checkpoint's. */
  readonly prompts: PromptSet | 'own';
  /** For every dtype the converter writes, in the order of {@link DTYPES}; omits a dtype with a matrix too large for a file. */
  readonly sizes: readonly FolderSizes[];
}

/**
 * Surveys the checkpoint in `source`.
 * @throws CheckpointError or SafetensorsError for a checkpoint that cannot be converted, as far as this can tell; read errors pass through
 */
export async function surveyCheckpoint(source: FileSource): Promise<CheckpointSurvey> {
  if ((await source.blob('config.json')) === undefined) throw await noConfig(source);
  const config = await requiredJson(source, 'config.json');
  const stated = checkpointModel(config, await optionalJson(source, 'generation_config.json'));
  const model = await stated.conversion();
  const index = await readShardIndex(source);
  const weightFiles = index ?? ['model.safetensors'];
  let weights = 0;
  for (const path of weightFiles) {
    const blob = await source.blob(path);
    if (blob === undefined && index === undefined) throw await missingWeights(source);
    weights += blob?.size ?? 0; // planning the conversion reports a missing shard properly
  }
  const size = async (path: string): Promise<number> => (await source.blob(path))?.size ?? 0;
  let small = 0;
  for (const path of SMALL_FILES) small += await size(path);
  const tokenizerBytes = (await size('tokenizer.json')) || (await size('vocab.json')) + (await size('merges.txt'));
  const prompts = isObject(await optionalJson(source, 'prompts.json')) ? 'own' : promptSetFor(source.name);
  return {
    model,
    parameters: parametersOf(model),
    readBytes: weights + small + tokenizerBytes,
    prompts,
    sizes: sizesOf(model, tokenizerBytes),
  };
}

/** The sizes of a model folder for every dtype. `otherBytes`: files that are copied as they are. */
export function sizesOf(model: ConvertibleModel, otherBytes: number): FolderSizes[] {
  const parameters = parametersOf(model);
  return DTYPES.flatMap((dtype) => {
    try {
      const layout = new WeightLayout(
        precisionOf(dtype, model.checkpoint.eightBitPrefixes),
        dataFileName('visionthink', dtype),
      );
      const graphs = buildGraphs(layout, model, parameters).flatMap(({ files }) => files);
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
      return []; // a matrix too large for a file: the converter refuses this dtype
    }
  });
}

function parametersOf(model: ConvertibleModel): number {
  const layout = new WeightLayout(
    precisionOf('q4f16', model.checkpoint.eightBitPrefixes),
    dataFileName('visionthink', 'q4f16'),
  );
  buildGraphs(layout, model, Infinity);
  return layout.jobs.reduce((sum, { source }) => sum + source.paddedRows * source.paddedCols, 0);
}
