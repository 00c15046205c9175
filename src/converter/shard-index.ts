/**
 * `model.safetensors.index.json`: which file of a sharded checkpoint holds which tensor. Checked as an untrusted file,
 * for its file names become paths. Knows nothing about the files it names.
 */
import { NamedError, messageOf } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { type JsonObject, isObject } from '../shared/json.ts';

/** The index's own name. */
export const INDEX_FILE = 'model.safetensors.index.json';

/** Real indexes are under 1 MB. */
const MAX_INDEX_BYTES = 100_000_000;

/**
 * Reads the index of a checkpoint folder.
 * @returns tensor name to file name, in the index's order; undefined when the folder has no index
 * @throws SafetensorsError when it is not JSON, has no `weight_map`, or names a file outside the folder
 */
export async function readShardIndex(source: FileSource): Promise<ReadonlyMap<string, string> | undefined> {
  const blob = await source.blob(INDEX_FILE);
  if (blob === undefined) return undefined;
  if (blob.size > MAX_INDEX_BYTES) throw corrupt(`${INDEX_FILE} is ${blob.size} bytes, over ${MAX_INDEX_BYTES}`);
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(weightMap(await blob.text()))) {
    if (typeof file !== 'string' || !/^[\w][\w.-]*\.safetensors$/.test(file)) {
      throw corrupt(`${INDEX_FILE} puts ${name} into ${JSON.stringify(file)}, not into a .safetensors file beside it`);
    }
    files.set(name, file);
  }
  if (files.size === 0) throw corrupt(`${INDEX_FILE} names no tensor`);
  return files;
}

function weightMap(text: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw corrupt(`${INDEX_FILE} is not JSON (${messageOf(cause)})`, cause);
  }
  if (isObject(parsed) && isObject(parsed['weight_map'])) return parsed['weight_map'];
  throw corrupt(`${INDEX_FILE} has no object "weight_map"`);
}

function corrupt(what: string, cause?: unknown): NamedError {
  return new NamedError('SafetensorsError', `${what}; download that file again`, { cause });
}
