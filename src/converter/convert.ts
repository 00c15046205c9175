/**
 * Converts a checkpoint into a model folder.
 *
 *   1. Plan from settings and headers (conversion-plan.ts).
 *   2. Resume where an earlier run stopped, or start with an empty folder.
 *   3. Write weights tensor by tensor, in the order in which the checkpoint's files hold them, so each byte is read once.
 *   4. Hash the data files, write the small files.
 *   5. Write the manifest last, because only the manifest makes it a model folder; then remove the journal.
 *
 * The same code runs in Node and in a worker; it accesses files only through FileSource and Folder.
 */
import { type FileRecord, type Manifest, MANIFEST_FILE, parseManifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource, Folder } from '../shared/files.ts';
import { tryParseJson } from '../shared/json.ts';
import { createStreamHash, hashBlob, hashBytes, type StreamHash } from '../shared/sha256.ts';
import { type ConversionPlan, planConversion, type PlanOptions } from './conversion-plan.ts';
import { Journal, JOURNAL_FILE, journalOutputs } from './journal.ts';
import type { ConvertProgress } from './progress.ts';
import { type RunContext, writeTensors } from './write-tensors.ts';

/** Options of the folder and of the run. */
export interface ConvertOptions extends PlanOptions, RunOptions {}

/** How a planned conversion runs. */
export interface RunOptions {
  /** Start over even if the folder holds an unfinished conversion, or a finished one of the same commit. */
  readonly restart?: boolean;
  /** Aborting throws a StoppedError. Finished work stays; the next run resumes from it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ConvertProgress) => void;
  /** The platform's streaming SHA-256, to verify downloaded files; by default one in JavaScript. */
  readonly createHash?: () => StreamHash;
}

/**
 * Converts the checkpoint in `source` into a model folder in `folder` and returns its manifest. After a kill at any
 * point, calling it again resumes: at most one tensor's work is repeated, and the resulting files are the same. A folder that
 * already holds the same commit of a repository is left unchanged.
 * Throws CheckpointError, SafetensorsError or ModelFolderError for input that cannot be converted, before anything
 * is written, except for faults found only while weights are read (non-finite values, bytes altered in transit).
 * Throws ResumeError when the folder holds an unfinished conversion of something else, StorageError when it cannot be
 * written, and whatever the source throws. Finished work stays in every case.
 */
export async function convertCheckpoint(
  source: FileSource,
  folder: Folder,
  options: ConvertOptions,
): Promise<Manifest> {
  return runConversion(await planConversion(source, options), folder, options);
}

/** Runs a plan: steps 2 to 5 of {@link convertCheckpoint}. */
export async function runConversion(plan: ConversionPlan, folder: Folder, options: RunOptions): Promise<Manifest> {
  const { onProgress = () => undefined, createHash = createStreamHash, signal } = options;
  const throwIfStopped = (): void => {
    if (signal?.aborted !== true) return;
    throw new NamedError('StoppedError', 'Stopped. What was converted stays; convert again to resume from there.');
  };

  // 2. Resume, unless an earlier run has finished.
  throwIfStopped();
  const finished = options.restart === true ? undefined : await finishedBefore(plan, folder);
  if (finished !== undefined) return finished;
  const earlier = options.restart === true ? undefined : await Journal.resume(folder, plan.facts);
  const journal = earlier ?? (await startOver(plan, folder));
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

    // 5. Write the manifest, which completes the folder.
    const manifest: Manifest = { ...plan.manifest, files };
    await folder.put(MANIFEST_FILE, new TextEncoder().encode(`${JSON.stringify(manifest, null, 1)}\n`));
    await journal.close();
    await folder.remove(JOURNAL_FILE);
    return manifest;
  } catch (thrown) {
    throwIfStopped(); // an aborted read fails with its own, less clear error
    throw thrown;
  } finally {
    await journal.close();
  }
}

/**
 * The manifest of a folder that already holds this commit. Only a repository's commit is known to be unchanged;
 * checkpoints on a disk are converted again.
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

/** Hashes the data files. The journal stores hashes, so each file is hashed once over all runs. */
async function hashDataFiles(
  plan: ConversionPlan,
  folder: Folder,
  journal: Journal,
  { onProgress, throwIfStopped }: Pick<RunContext, 'onProgress' | 'throwIfStopped'>,
): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  const total = [...plan.dataFiles.values()].reduce((sum, bytes) => sum + bytes, 0);
  let done = 0;
  for (const [path, bytes] of plan.dataFiles) {
    throwIfStopped();
    const report = (read: number): void => {
      throwIfStopped();
      onProgress({ phase: 'hashes', done: done + read, total, detail: path });
    };
    const known = journal.hashes.get(path);
    const sha256 = known ?? (await hashFile(folder, path, bytes, report));
    if (known === undefined) await journal.addHash(path, sha256);
    records.push({ path, bytes, sha256 });
    report(bytes);
    done += bytes;
  }
  return records;
}

/** Removes an earlier model or unfinished conversion, checks the free capacity, and starts a journal. */
async function startOver(plan: ConversionPlan, folder: Folder): Promise<Journal> {
  const old = await folder.blob(MANIFEST_FILE);
  const oldFiles = old === undefined ? [] : parseManifest(tryParseJson(await old.text())).files;
  const stale = [...(await journalOutputs(folder)), ...plan.dataFiles.keys(), ...oldFiles.map(({ path }) => path)];
  await folder.remove(MANIFEST_FILE); // first, so that a crash from here on leaves no model folder
  await folder.remove(JOURNAL_FILE);
  for (const path of new Set(stale)) await folder.remove(path);

  const free = await folder.freeBytes?.();
  if (free !== undefined && free < plan.folderBytes) {
    throw new NamedError(
      'StorageError',
      `${folder.name} has ${megabytes(free)} free, the converted model takes ${megabytes(plan.folderBytes)}. Free some ` +
        'space, choose a dtype with fewer bits, or another disk.',
    );
  }
  return Journal.start(folder, plan.facts);
}

async function hashFile(folder: Folder, path: string, bytes: number, onRead: (read: number) => void): Promise<string> {
  const blob = await folder.blob(path);
  if (blob?.size === bytes) return hashBlob(blob, onRead);
  throw new NamedError(
    'StorageError',
    `${path} of ${folder.name} was changed by another program while it was written: it has ${blob?.size ?? 'no'} bytes, not ${bytes}. Convert again.`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}
