/**
 * `model.safetensors.index.json`: the files of a sharded checkpoint. Treated as untrusted, because its file names become paths.
 * The files' own headers determine which file holds which tensor, as in transformers: an index may name tensors that no file
 * has, or the wrong file.
 * Source: transformers 5.18, `utils/hub.py`, get_checkpoint_shard_files; `modeling_utils.py`, _load_pretrained_model.
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
 * @returns paths of the files inside the folder, sorted; undefined when the folder has no index
 * @throws SafetensorsError when it is not JSON, has no `weight_map`, or names a file outside the folder
 */
export async function readShardIndex(source: FileSource): Promise<readonly string[] | undefined> {
  const blob = await source.blob(INDEX_FILE);
  if (blob === undefined) return undefined;
  if (blob.size > MAX_INDEX_BYTES) throw corrupt(`${INDEX_FILE} is ${blob.size} bytes, over ${MAX_INDEX_BYTES}`);
  const files = new Set<string>();
  for (const [name, file] of Object.entries(weightMap(await blob.text()))) {
    const path = typeof file === 'string' ? insideFolder(file) : undefined;
    if (path === undefined) {
      const place = JSON.stringify(file);
      throw corrupt(`${INDEX_FILE} puts ${name} into ${place}, which is no .safetensors file of this folder`);
    }
    files.add(path);
  }
  if (files.size === 0) throw corrupt(`${INDEX_FILE} names no tensor`);
  return [...files].toSorted();
}

/** A file name of the index as a path without `./`; undefined when it leaves the folder or is not the name of a safetensors file. */
function insideFolder(file: string): string | undefined {
  const steps = file.split('/').filter((step) => step !== '.');
  const isPath = steps.every((step) => /^\w[\w.-]*$/.test(step)) && file.endsWith('.safetensors');
  return isPath ? steps.join('/') : undefined;
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
