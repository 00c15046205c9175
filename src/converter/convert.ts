/**
 * Checkpoint in, model folder out.
 *
 *   1. plan: settings and headers (conversion-plan.ts);
 *   2. go on where an earlier visit stopped, or begin with an empty folder;
 *   3. weights, tensor by tensor, in the order in which the checkpoint's files hold them: each byte is read once;
 *   4. hash what was written, write the small files;
 *   5. the manifest last: a folder without one is no model folder. Then the journal goes.
 *
 * The same code runs in Node and in a worker; it knows files only through FileSource and Folder.
 */
import { type FileRecord, type Manifest, MANIFEST_FILE, parseManifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource, Folder } from '../shared/files.ts';
import { tryParseJson } from '../shared/json.ts';
import { createStreamHash, hashBlob, hashBytes, type StreamHash } from '../shared/sha256.ts';
import { type ConversionPlan, planConversion, type PlanOptions } from './conversion-plan.ts';
import { Journal, JOURNAL_FILE, journalOutputs } from './journal.ts';
import type { ConvertProgress } from './progress.ts';
import { type Surroundings, writeTensors } from './write-tensors.ts';

/** What the converter is asked to do, and whom it tells. */
export interface ConvertOptions extends PlanOptions, RunOptions {}

/** How a planned conversion is run. */
export interface RunOptions {
  /** Begin anew where the folder holds a conversion that was not finished, or one of the same commit that was. */
  readonly restart?: boolean;
  /** Stops with a StoppedError. What has been done stays, and the next visit goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ConvertProgress) => void;
  /** The platform's SHA-256 for streams; JavaScript's where absent. For what is announced of downloaded files. */
  readonly createHash?: () => StreamHash;
}

/**
 * Converts the checkpoint in `source` into a model folder in `folder` and returns its manifest. Killed at any point it goes on
 * when it is called again: at most one tensor's work is repeated, and the files are the same. A folder that the same commit of a
 * repository was converted to is left as it is.
 * Throws CheckpointError, SafetensorsError or ModelFolderError for input that cannot be converted: nothing is written then, but
 * for what is only met while weights are read (values that are no finite numbers, bytes that were altered on their way).
 * Throws ResumeError when the folder holds a half-done conversion of something else, StorageError when it cannot be
 * written; what the source throws passes through. Whatever is thrown, what had been done stays.
 */
export async function convertCheckpoint(
  source: FileSource,
  folder: Folder,
  options: ConvertOptions,
): Promise<Manifest> {
  return runConversion(await planConversion(source, options), folder, options);
}

/** The second half of {@link convertCheckpoint}. */
export async function runConversion(plan: ConversionPlan, folder: Folder, options: RunOptions): Promise<Manifest> {
  const { onProgress = () => undefined, createHash = createStreamHash, signal } = options;
  const throwIfStopped = (): void => {
    if (signal?.aborted !== true) return;
    throw new NamedError('StoppedError', 'Stopped. What was converted stays; convert again to go on from there.');
  };

  // 2. Where an earlier visit stopped, or was done.
  throwIfStopped();
  const finished = options.restart === true ? undefined : await finishedBefore(plan, folder);
  if (finished !== undefined) return finished;
  const earlier = options.restart === true ? undefined : await Journal.resume(folder, plan.facts);
  const journal = earlier ?? (await beginAnew(plan, folder));
  try {
    // 3. Weights.
    await writeTensors(plan, folder, journal, { onProgress, createHash, throwIfStopped });

    // 4. Hashes, small files.
    const files = await hashDataFiles(plan, folder, journal, { onProgress, throwIfStopped });
    for (const { path, bytes, onlyFor } of plan.smallFiles) {
      await folder.put(path, bytes);
      const record = { path, bytes: bytes.length, sha256: await hashBytes(bytes) };
      files.push(onlyFor === undefined ? record : { ...record, onlyFor });
    }

    // 5. Declare it whole.
    const manifest: Manifest = { ...plan.manifest, files };
    await folder.put(MANIFEST_FILE, new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`));
    await journal.close();
    await folder.remove(JOURNAL_FILE);
    return manifest;
  } catch (thrown) {
    throwIfStopped(); // the source ends its reading then, and knows less of what that means
    throw thrown;
  } finally {
    await journal.close();
  }
}

/**
 * The manifest of a folder that this very commit was converted to before. Only of a repository's commit is it known that nothing
 * has changed since; checkpoints on a disk are converted again.
 */
async function finishedBefore(plan: ConversionPlan, folder: Folder): Promise<Manifest | undefined> {
  const blob = await folder.blob(MANIFEST_FILE);
  if (plan.source.commit === undefined || blob === undefined) return undefined;
  const { files, ...facts } = parseManifest(tryParseJson(await blob.text()));
  const planned = [...plan.dataFiles.keys(), ...plan.smallFiles.map(({ path }) => path)];
  if (JSON.stringify(facts) !== JSON.stringify(plan.manifest)) return undefined;
  if (files.map(({ path }) => path).join() !== planned.join()) return undefined;
  for (const { path, bytes } of files) if ((await folder.blob(path))?.size !== bytes) return undefined;
  return { ...facts, files };
}

/** Records of the data files; each is hashed once, whatever the number of visits. */
async function hashDataFiles(
  plan: ConversionPlan,
  folder: Folder,
  journal: Journal,
  { onProgress, throwIfStopped }: Pick<Surroundings, 'onProgress' | 'throwIfStopped'>,
): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  const total = [...plan.dataFiles.values()].reduce((sum, bytes) => sum + bytes, 0);
  let done = 0;
  for (const [path, bytes] of plan.dataFiles) {
    throwIfStopped();
    const tell = (read: number): void => {
      throwIfStopped();
      onProgress({ phase: 'hashes', done: done + read, total, detail: path });
    };
    const known = journal.hashes.get(path);
    const sha256 = known ?? (await hashFile(folder, path, bytes, tell));
    if (known === undefined) await journal.addHash(path, sha256);
    records.push({ path, bytes, sha256 });
    tell(bytes);
    done += bytes;
  }
  return records;
}

/** Empties the folder of an earlier model or half-done conversion, makes room, and begins a journal. */
async function beginAnew(plan: ConversionPlan, folder: Folder): Promise<Journal> {
  const old = await folder.blob(MANIFEST_FILE);
  const oldFiles = old === undefined ? [] : parseManifest(tryParseJson(await old.text())).files;
  const stale = [...(await journalOutputs(folder)), ...plan.dataFiles.keys(), ...oldFiles.map(({ path }) => path)];
  await folder.remove(MANIFEST_FILE); // first: whatever happens now, this is no model folder
  await folder.remove(JOURNAL_FILE);
  for (const path of new Set(stale)) await folder.remove(path);

  const free = await folder.freeBytes?.();
  if (free !== undefined && free < plan.folderBytes) {
    throw new NamedError(
      'StorageError',
      `${folder.name} has room for ${megabytes(free)}, the converted model takes ${megabytes(plan.folderBytes)}. Free some ` +
        'space, choose a dtype with fewer bits, or another disk.',
    );
  }
  return Journal.begin(folder, plan.facts);
}

async function hashFile(folder: Folder, path: string, bytes: number, onRead: (read: number) => void): Promise<string> {
  const blob = await folder.blob(path);
  if (blob?.size === bytes) return hashBlob(blob, onRead);
  throw new NamedError(
    'StorageError',
    `${path} of ${folder.name} was changed by somebody else while it was written: it has ${blob?.size ?? 'no'} bytes, not ${bytes}. Convert again.`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
