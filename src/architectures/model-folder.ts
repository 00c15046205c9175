/**
 * Opens a model folder: reads the manifest, checks that every file needed is there and unaltered, and parses its settings.
 * An incomplete folder is never used: the first missing or altered file is an error that names it.
 */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { tryParseJson } from '../shared/json.ts';
import { hashBlob } from '../shared/sha256.ts';
import type { FileRecord, Manifest } from '../model/manifest.ts';
import type { ProcessorSettings } from '../model/processor-settings.ts';
import { parsePrompts, type Prompts } from '../model/prompts.ts';
import type { ModelDefinition } from './architecture.ts';
import { folderModel } from './registry.ts';
import { Tokenizer } from '../model/tokenizer.ts';

/** A model folder whose files have been checked. */
export interface ModelFolder {
  readonly manifest: Manifest;
  readonly model: ModelDefinition;
  readonly prompts: Prompts;
  readonly processor: ProcessorSettings;
  readonly tokenizer: Tokenizer;
  /** The bytes of a listed file, checked. */
  blob(path: string): Blob;
}

/** How a model folder is opened. */
export interface OpenFolderOptions {
  /** Selects the files to open, by default all. */
  readonly needed?: (path: string) => boolean;
  readonly onProgress?: ReadProgress;
  /** The hashes are already verified: only sizes are checked. */
  readonly isTrusted?: boolean;
}

/** Reports how many of `total` bytes have been read and checked, and the current file. */
export type ReadProgress = (loaded: number, total: number, path: string) => void;

/**
 * Opens the files that `needed` selects and checks the size of each, and unless they are trusted the SHA-256 too.
 * Throws ModelFolderError for an architecture that is not known, or naming the first file that is missing, shorter, longer
 * or altered.
 */
export async function openModelFolder(
  source: FileSource,
  manifest: Manifest,
  { needed = () => true, onProgress = () => undefined, isTrusted = false }: OpenFolderOptions = {},
): Promise<ModelFolder> {
  const model = folderModel(manifest);
  const files = manifest.files.filter((file) => needed(file.path));
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  const blobs = new Map<string, Blob>();
  let loaded = 0;
  for (const file of files) {
    onProgress(loaded, total, file.path);
    const blob = await openSized(source, file);
    if (!isTrusted) await checkHash(source, file, blob, (read) => onProgress(loaded + read, total, file.path));
    blobs.set(file.path, blob);
    loaded += file.bytes;
  }
  onProgress(total, total, '');
  const blob = (path: string): Blob => {
    const found = blobs.get(path);
    if (found === undefined) throw folderError(source, path, 'is not listed in the manifest');
    return found;
  };
  const json = async (path: string): Promise<unknown> => {
    const value = tryParseJson(await blob(path).text());
    if (value === undefined) throw folderError(source, path, 'holds no valid JSON');
    return value;
  };
  return {
    manifest,
    model,
    prompts: parsePrompts(await json('prompts.json'), model.chat),
    processor: model.parseProcessor(await json('preprocessor_config.json')),
    tokenizer: new Tokenizer(await json('tokenizer.json'), await json('tokenizer_config.json')),
    blob,
  };
}

async function openSized(source: FileSource, file: FileRecord): Promise<Blob> {
  const blob = await source.blob(file.path);
  if (blob === undefined) throw folderError(source, file.path, 'is missing');
  if (blob.size !== file.bytes) {
    throw folderError(source, file.path, `has ${blob.size} bytes where the manifest says ${file.bytes}`);
  }
  return blob;
}

async function checkHash(
  source: FileSource,
  file: FileRecord,
  blob: Blob,
  onRead: (bytes: number) => void,
): Promise<void> {
  const found = await hashBlob(blob, onRead);
  if (found !== file.sha256)
    throw folderError(source, file.path, `has been altered (SHA-256 ${found}, not ${file.sha256})`);
}

function folderError(source: FileSource, path: string, why: string): NamedError {
  return new NamedError(
    'ModelFolderError',
    `${path} of the model folder ${source.name} ${why}. Copy or download the folder again, or convert the checkpoint again.`,
  );
}
