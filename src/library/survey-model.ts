/** Surveys a model before adding it: everything that is known before its first weight is read. */
import { folderModel } from '../architectures/registry.ts';
import { surveyCheckpoint } from '../converter/survey.ts';
import { type Manifest, MANIFEST_FILE } from '../model/manifest.ts';
import { readManifest } from '../model/read-manifest.ts';
import type { BackendOption } from '../protocol/engine-api.ts';
import type { ModelChoice, ModelSurvey, StorageFacts, StoredOrigin } from '../protocol/library-api.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { gpuBytesOf, judgeMachine, judgeStorage, type Machine } from './fit.ts';
import { folderBytes } from './stored-model.ts';

/** An opened origin. */
export interface OpenedOrigin {
  readonly source: FileSource;
  readonly origin: StoredOrigin;
  /** Whether reading it downloads it. */
  readonly isRemote: boolean;
}

/** The machine and storage to judge against. */
export interface FitContext {
  readonly machine: Machine;
  readonly storage: StorageFacts;
  /** The backend that was chosen; null: the best one. */
  readonly backend: BackendOption | null;
  /** The key of the model with a dtype. */
  readonly keyFor: (dtype: string) => Promise<string>;
}

/** Surveys an opened origin. Throws CheckpointError, SafetensorsError, ModelFolderError, and read errors. */
export async function surveyModel(opened: OpenedOrigin, context: FitContext): Promise<ModelSurvey> {
  const { source, origin } = opened;
  return origin.kind === 'url' || (await isModelFolder(source))
    ? surveyFolder(opened, context)
    : surveyOriginal(opened, context);
}

/** Whether a folder is a converted one. */
export async function isModelFolder(source: FileSource): Promise<boolean> {
  const json = tryParseJson((await (await source.blob(MANIFEST_FILE))?.text()) ?? '');
  return isObject(json) && json['format'] === 'visionthink-model';
}

async function surveyFolder({ source, origin, isRemote }: OpenedOrigin, context: FitContext): Promise<ModelSurvey> {
  const manifest = await readManifest(source);
  const bytes = folderBytes(manifest);
  const { dtype, largestTensorBytes, name, parameters } = manifest;
  const gpuBytes = gpuBytesOf(folderModel(manifest).config, weightBytesOf(manifest));
  return {
    name,
    origin,
    kind: 'modelFolder',
    parameters,
    readBytes: bytes,
    downloadBytes: isRemote ? bytes : 0,
    prompts: 'own',
    choices: [await choice({ dtype, folderBytes: bytes, gpuBytes, largestTensorBytes }, context)],
    proposed: dtype,
    storage: context.storage,
  };
}

async function surveyOriginal({ source, origin, isRemote }: OpenedOrigin, context: FitContext): Promise<ModelSurvey> {
  const { model, parameters, prompts, readBytes, sizes } = await surveyCheckpoint(source);
  const bySize = sizes.toSorted((a, b) => a.folderBytes - b.folderBytes);
  const choices = await Promise.all(
    bySize.map((of) => choice({ ...of, gpuBytes: gpuBytesOf(model.config, of.weightBytes) }, context)),
  );
  return {
    name: source.name.split('/').at(-1) ?? source.name,
    origin,
    kind: 'checkpoint',
    parameters,
    readBytes,
    downloadBytes: isRemote ? readBytes : 0,
    prompts,
    choices,
    proposed: proposedOf(choices),
    storage: context.storage,
  };
}

interface Sizes {
  readonly dtype: string;
  readonly folderBytes: number;
  readonly gpuBytes: number;
  readonly largestTensorBytes: number;
}

async function choice(sizes: Sizes, context: FitContext): Promise<ModelChoice> {
  const { machine, backend, storage, keyFor } = context;
  const { dtype, folderBytes: bytes, gpuBytes } = sizes;
  const found = judgeMachine(sizes, machine, backend);
  const isOnCard = backend?.device !== 'cpu' && typeof machine !== 'string' && !machine.isSoftware;
  return {
    dtype,
    key: await keyFor(dtype),
    folderBytes: bytes,
    gpuBytes,
    trialBytes: isOnCard && found.verdict !== 'no' ? gpuBytes : 0,
    machine: found,
    storage: judgeStorage(bytes, storage),
  };
}

/** Bytes of weight files: all but graphs, settings and the tokenizer. */
function weightBytesOf({ files, variants }: Manifest): number {
  const data = new Set(variants.flatMap(({ graphs }) => Object.values(graphs).flatMap((graph) => graph.data)));
  return files.reduce((sum, { path, bytes }) => sum + (data.has(path) ? bytes : 0), 0);
}

/** The default dtype, or q4 if the machine has no 16-bit arithmetic. */
function proposedOf(choices: readonly ModelChoice[]): string {
  const verdict = (dtype: string): string | undefined => choices.find((each) => each.dtype === dtype)?.machine.verdict;
  if (verdict('q4f16') !== 'yes' && verdict('q4') === 'yes') return 'q4';
  return choices.some(({ dtype }) => dtype === 'q4f16') ? 'q4f16' : (choices[0]?.dtype ?? 'q4f16');
}
