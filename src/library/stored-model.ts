/** The state of a model, read only from its directory, whatever happened to the tab that wrote it. */
import { folderModel } from '../architectures/registry.ts';
import { journalProgress } from '../converter/journal.ts';
import type { Manifest } from '../model/manifest.ts';
import { MANIFEST_FILE } from '../model/manifest.ts';
import { readManifest } from '../model/read-manifest.ts';
import type { StoredModel, StoredState } from '../protocol/library-api.ts';
import { messageOf } from '../shared/errors.ts';
import { copyState } from './copy-model.ts';
import { readEntry } from './entry.ts';
import type { ModelDirectory } from './model-storage.ts';
import { readVerification } from './verification.ts';

/** Describes a model. `lock`: its current lock. */
export async function describeModel(
  key: string,
  directory: ModelDirectory,
  lock: 'shared' | 'exclusive' | undefined,
): Promise<StoredModel> {
  const entry = await readEntry(directory.notes);
  let bytes = 0;
  for (const path of await directory.model.list()) bytes += (await directory.model.blob(path))?.size ?? 0;
  const manifest = await wholeManifest(directory);
  const isManifest = manifest !== undefined && !(manifest instanceof Error);
  return {
    key,
    name: entry?.name ?? (isManifest ? manifest.name : key),
    dtype: entry?.dtype ?? (isManifest ? manifest.dtype : ''),
    origin: entry?.origin ?? { kind: 'files', name: key },
    bytes,
    totalBytes: isManifest ? folderBytes(manifest) : (entry?.folderBytes ?? bytes),
    state: await stateOf(directory, manifest, entry !== undefined),
    use: lock === undefined ? 'free' : lock === 'shared' ? 'open' : 'busy',
  };
}

/** Bytes of all files of a folder. */
export function folderBytes(manifest: Manifest): number {
  return manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function wholeManifest({ model }: ModelDirectory): Promise<Manifest | Error | undefined> {
  if ((await model.blob(MANIFEST_FILE)) === undefined) return undefined;
  try {
    const manifest = await readManifest(model);
    folderModel(manifest); // throws for an unknown architecture
    return manifest;
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(messageOf(thrown));
  }
}

async function stateOf(
  directory: ModelDirectory,
  manifest: Manifest | Error | undefined,
  isKnown: boolean,
): Promise<StoredState> {
  if (manifest === undefined) {
    if (!isKnown) return { kind: 'damaged', why: 'Its directory holds no model. Delete it.' };
    const progress = (await journalProgress(directory.model)) ?? (await copyState(directory));
    return { kind: 'partial', done: progress?.done ?? 0, total: progress?.total ?? 0 };
  }
  if (manifest instanceof Error) return { kind: 'damaged', why: manifest.message };
  for (const { path, bytes } of manifest.files) {
    const size = (await directory.model.blob(path))?.size;
    if (size === bytes) continue;
    const what = size === undefined ? 'is missing' : `has ${size} bytes instead of ${bytes}`;
    return { kind: 'damaged', why: `${path} ${what}. Delete the model and add it again.` };
  }
  const verification = await readVerification(directory, manifest);
  if (verification === undefined) return { kind: 'ready', verified: null };
  if (verification.damaged.length === 0) return { kind: 'ready', verified: verification.when };
  return {
    kind: 'damaged',
    why: `${verification.damaged.join(', ')} ${verification.damaged.length === 1 ? 'is' : 'are'} not what was written. Delete the model and add it again.`,
  };
}
