/**
 * Copies an already converted model folder. Each file is hashed once copied; the manifest comes last. After a stop at any point,
 * the next call resumes: finished files are not read again, and the current file resumes at its last piece.
 */
import { type FileRecord, type Manifest, MANIFEST_FILE, parseManifest } from '../model/manifest.ts';
import { NamedError } from '../shared/errors.ts';
import type { FileSource } from '../shared/files.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import { hashBlob } from '../shared/sha256.ts';
import type { ModelDirectory } from './model-storage.ts';
import { throwIfStopped } from './stopped.ts';

/** The manifest of an incomplete folder, stored next to it. */
const PENDING_FILE = 'copying.json';

/** Bytes per read. */
const PIECE_BYTES = 1 << 24;

/** Reports how many of all bytes are copied. */
export type CopyProgress = (done: number, total: number, path: string) => void;

/**
 * Copies the model folder in `source` and returns its manifest.
 * @throws ModelFolderError when it is not a model folder, lacks a file, or a file differs from the manifest; StorageError; StoppedError
 */
export async function copyModel(
  source: FileSource,
  { notes, model }: ModelDirectory,
  onProgress: CopyProgress,
  signal?: AbortSignal,
): Promise<Manifest> {
  const bytes = new Uint8Array((await (await source.blob(MANIFEST_FILE))?.arrayBuffer()) ?? []);
  const text = new TextDecoder().decode(bytes);
  const manifest = parseManifest(tryParseJson(text));

  // Files of another folder are useless.
  await model.remove(MANIFEST_FILE);
  const pending = await (await notes.blob(PENDING_FILE))?.text();
  if (pending !== text) {
    for (const path of await model.list()) await model.remove(path);
    await notes.put(PENDING_FILE, bytes);
  }

  const total = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  let done = 0;
  for (const file of manifest.files) {
    const report = (copied: number): void => onProgress(done + copied, total, file.path);
    await copyFile(source, file, { notes, model }, { report, signal });
    done += file.bytes;
    report(0);
  }
  await model.put(MANIFEST_FILE, bytes);
  await notes.remove(PENDING_FILE);
  return manifest;
}

/** Progress of a copy; undefined when none is unfinished. */
export async function copyState({
  notes,
  model,
}: ModelDirectory): Promise<{ done: number; total: number } | undefined> {
  const json = tryParseJson((await (await notes.blob(PENDING_FILE))?.text()) ?? '');
  if (!isObject(json)) return undefined;
  const { files } = parseManifest(json);
  let done = 0;
  for (const { path } of files) done += (await model.blob(path))?.size ?? 0;
  return { done, total: files.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Progress, in bytes of the current file, and cancellation of a copy. */
interface CopyContext {
  readonly report: (copied: number) => void;
  readonly signal: AbortSignal | undefined;
}

async function copyFile(
  source: FileSource,
  file: FileRecord,
  { model }: ModelDirectory,
  context: CopyContext,
): Promise<void> {
  const blob = await source.blob(file.path);
  if (blob === undefined) throw wrong(source, file, 'is missing');
  if (blob.size !== file.bytes) throw wrong(source, file, `has ${blob.size} bytes, not ${file.bytes}`);
  // The second try starts at the beginning of the file: an earlier run's data may come from another source.
  for (const isLast of [false, true]) {
    await fetchRest(blob, await model.open(file.path), context);
    const copy = await model.blob(file.path);
    if (copy !== undefined && (await hashBlob(copy, () => throwIfStopped(context.signal))) === file.sha256) return;
    await model.remove(file.path);
    if (isLast) throw wrong(source, file, `was altered: its SHA-256 is not ${file.sha256}`);
  }
}

async function fetchRest(
  blob: Blob,
  to: Awaited<ReturnType<ModelDirectory['model']['open']>>,
  { report, signal }: CopyContext,
): Promise<void> {
  try {
    const size = await to.size();
    let at = size === blob.size ? size : Math.floor(Math.min(size, blob.size) / PIECE_BYTES) * PIECE_BYTES;
    await to.truncate(at);
    while (at < blob.size) {
      throwIfStopped(signal);
      const piece = new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer());
      await to.write(piece, at);
      await to.flush();
      report((at += piece.length));
    }
  } finally {
    await to.close();
  }
}

function wrong(source: FileSource, { path }: FileRecord, why: string): NamedError {
  return new NamedError(
    'ModelFolderError',
    `${path} of ${source.name} ${why}. Convert the checkpoint again, or copy the folder anew; what was right of it stays here.`,
  );
}
