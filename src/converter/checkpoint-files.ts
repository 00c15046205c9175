/** The small files of a checkpoint, and the errors for missing or unreadable ones. */
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { tryParseJson } from '../shared/json.ts';
import { otherWeights } from './missing-weights.ts';

/** A file as text; undefined when there is none. */
export async function optionalText(source: FileSource, path: string): Promise<string | undefined> {
  return (await source.blob(path))?.text();
}

/** The error for a folder without config.json. Adapters and models of other formats lack it too, and get their own message. */
export async function noConfig(source: FileSource): Promise<NamedError> {
  return (await otherWeights(source)) ?? noFile(source, 'config.json');
}

function noFile(source: FileSource, path: string): NamedError {
  return new NamedError(
    'CheckpointError',
    `${source.name} has no ${path}. Choose a checkpoint folder as Hugging Face saves it, and download all of its files.`,
  );
}

/** A file as text. Throws CheckpointError when there is none. */
async function requiredText(source: FileSource, path: string): Promise<string> {
  const text = await optionalText(source, path);
  if (text === undefined) throw noFile(source, path);
  return text;
}

/** A file as JSON; undefined when there is none. Throws CheckpointError for invalid JSON. */
export async function optionalJson(source: FileSource, path: string): Promise<unknown> {
  const text = await optionalText(source, path);
  if (text === undefined) return undefined;
  const json = tryParseJson(text);
  if (json === undefined) throw noJson(source, path, text);
  return json;
}

/** The CheckpointError for a file that is not valid JSON. */
export function noJson(source: FileSource, path: string, text: string): NamedError {
  const file = `${path} of ${source.name}`;
  const [, key, value] = /"((?:[^"\\]|\\.)*)"\s*:\s*(NaN|-?Infinity)\b/.exec(text) ?? [];
  const why =
    value === undefined
      ? `${file} is no valid JSON. Download the file again.`
      : `${file} sets ${key} to ${value}, which is no JSON (Python writes it all the same). Put a number there, or remove the line.`;
  return new NamedError('CheckpointError', why);
}

/** A file as JSON. Throws CheckpointError when it is missing or not valid JSON. */
export async function requiredJson(source: FileSource, path: string): Promise<unknown> {
  const text = await requiredText(source, path);
  const json = tryParseJson(text);
  if (json === undefined) throw noJson(source, path, text);
  return json;
}
