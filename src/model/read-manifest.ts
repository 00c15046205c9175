/** Reads the manifest of a folder, which describes the model without its tokenizer. */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { tryParseJson } from '../shared/json.ts';
import { type Manifest, MANIFEST_FILE, parseManifest } from './manifest.ts';

/**
 * Reads the manifest alone.
 * Throws ModelFolderError when it is missing or unusable.
 */
export async function readManifest(source: FileSource): Promise<Manifest> {
  const blob = await source.blob(MANIFEST_FILE);
  if (blob === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${source.name} has no ${MANIFEST_FILE}, so it is no model folder. Convert a checkpoint with the converter first.`,
    );
  }
  return parseManifest(tryParseJson(await blob.text()));
}
