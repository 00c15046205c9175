/**
 * Records whether a model's hashes have been verified since its files last changed. Hashing gigabytes takes longer than loading
 * them, so it is done once, when a model is added, and recorded next to it with every file's size and modification time.
 */
import type { Manifest } from '../model/manifest.ts';
import { throwIfStopped } from './stopped.ts';
import type { FileSource, Folder } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { hashBlob } from '../shared/sha256.ts';

/** Name of the record, next to the model folder. */
const NOTE_FILE = 'verified.json';

/** The result of a verification. */
export interface Verification {
  /** ISO 8601. */
  readonly when: string;
  /** Files with a wrong hash; empty if all are correct. */
  readonly damaged: readonly string[];
}

/** Hashes every file of the folder, records the result, and returns it. Throws StoppedError. */
export async function verifyModel(
  { notes, model }: { readonly notes: Folder; readonly model: FileSource },
  manifest: Manifest,
  onProgress: (done: number, total: number, path: string) => void,
  signal?: AbortSignal,
): Promise<Verification> {
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const damaged: string[] = [];
  let done = 0;
  for (const { path, bytes, sha256 } of manifest.files) {
    const blob = await model.blob(path);
    const found =
      blob?.size === bytes
        ? await hashBlob(blob, (read) => {
            throwIfStopped(signal);
            onProgress(done + read, total, path);
          })
        : '';
    if (found !== sha256) damaged.push(path);
    done += bytes;
  }
  return noteVerification({ notes, model }, manifest, damaged);
}

/** Records that the current files are correct, or which are not. */
export async function noteVerification(
  { notes, model }: { readonly notes: Folder; readonly model: FileSource },
  manifest: Manifest,
  damaged: readonly string[] = [],
): Promise<Verification> {
  const verification = { when: new Date().toISOString(), damaged };
  const note = { ...verification, files: await versionsOf(model, manifest) };
  await notes.put(NOTE_FILE, new TextEncoder().encode(JSON.stringify(note, null, 1)));
  return verification;
}

/** The record for the current files; undefined if there is none, or a file has changed since. */
export async function readVerification(
  { notes, model }: { readonly notes: FileSource; readonly model: FileSource },
  manifest: Manifest,
): Promise<Verification | undefined> {
  const json = tryParseJson((await (await notes.blob(NOTE_FILE))?.text()) ?? '');
  if (!isObject(json) || !isObject(json['files']) || !Array.isArray(json['damaged'])) return undefined;
  const { when, files, damaged } = json;
  const now = await versionsOf(model, manifest);
  const isSame = manifest.files.every(({ path }) => isObject(files) && files[path] === now[path]);
  return isSame && typeof when === 'string' ? { when, damaged: damaged.map(String) } : undefined;
}

async function versionsOf(model: FileSource, manifest: Manifest): Promise<Record<string, string>> {
  const versions = manifest.files.map(async ({ path }) => {
    const size = (await model.blob(path))?.size ?? -1;
    return [path, `${size} bytes ${(await model.version?.(path)) ?? ''}`.trimEnd()] as const;
  });
  return Object.fromEntries(await Promise.all(versions));
}
