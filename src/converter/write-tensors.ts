/**
 * Reads the tensors of a checkpoint in file order and writes their rows. Skips tensors that the journal lists. Memory: a few
 * segments of a file and a chunk of rows, whatever the size of the checkpoint.
 */
import { NamedError } from '../shared/errors.ts';
import type { Folder, RandomAccessFile } from '../shared/files.ts';
import type { StreamHash } from '../shared/sha256.ts';
import type { ConversionPlan, PlannedTensor } from './conversion-plan.ts';
import { FileStream } from './file-stream.ts';
import type { Journal } from './journal.ts';
import { locationOf } from './placements.ts';
import type { ConvertProgress } from './progress.ts';
import { bytesPerElement, decodeElements } from './safetensors.ts';
import { placementWriter } from './write-weights.ts';

/** Floats in memory while a tensor is read, unless one row has more: 4 MB, which stays in a processor's cache. */
const CHUNK_ELEMENTS = 1 << 20;

/** Largest gap between two tensors to read and drop instead of skipping it with a new request. */
const READ_OVER_BYTES = 1 << 24;

/** Progress, hashing and cancellation of a run. */
export interface RunContext {
  readonly onProgress: (progress: ConvertProgress) => void;
  readonly createHash: () => StreamHash;
  /** Throws StoppedError once the run has been aborted. */
  readonly throwIfStopped: () => void;
}

/** Writes all tensors of the plan that are not in the folder yet. Errors of reading and writing pass through. */
export async function writeTensors(
  plan: ConversionPlan,
  folder: Folder,
  journal: Journal,
  context: RunContext,
): Promise<void> {
  const outputs = new Map<string, RandomAccessFile>();
  try {
    await openOutputs(plan, folder, journal, outputs);
    const total = plan.readBytes;
    let done = sizeOf(plan.tensors.filter(({ entry }) => journal.tensors.has(entry.name)));
    for (const [path, blob] of plan.store.files) {
      const all = plan.tensors.filter(({ entry }) => entry.file === path);
      const left = all.filter(({ entry }) => !journal.tensors.has(entry.name));
      if (left.length === 0) continue;
      // Only a file read from beginning to end can be hashed while reading.
      const announced = left.length === all.length ? await plan.source.announcedSha256?.(path) : undefined;
      const hash = announced === undefined ? undefined : context.createHash();
      let stream = new FileStream(blob, 0, hash === undefined ? endOf(left) : blob.size, (bytes) =>
        hash?.update(bytes),
      );
      for (const tensor of left) {
        const { byteOffset, byteLength, name } = tensor.entry;
        if (hash === undefined && byteOffset - stream.position > READ_OVER_BYTES) {
          stream.close();
          stream = new FileStream(blob, byteOffset, endOf(left));
        }
        await stream.skipTo(byteOffset);
        await writeTensor(tensor, stream, outputs, (read) => {
          context.throwIfStopped();
          context.onProgress({ phase: 'weights', done: done + read, total, detail: name });
        });
        await journal.addTensor(name, byteLength);
        done += byteLength;
      }
      await stream.skipTo(blob.size);
      const found = await hash?.finish();
      if (found !== announced) {
        await journal.forget(left.map(({ entry }) => entry.name));
        throw altered(path, blob.size, found, announced);
      }
    }
  } finally {
    for (const file of outputs.values()) await file.close();
  }
}

/**
 * Opens every data file at its full length and adds each to `outputs` as soon as it is open, so that a later failure still closes
 * it. Forgets the tensors of a file that has lost its bytes.
 */
async function openOutputs(
  plan: ConversionPlan,
  folder: Folder,
  journal: Journal,
  outputs: Map<string, RandomAccessFile>,
): Promise<void> {
  for (const [path, bytes] of plan.dataFiles) {
    const file = await folder.open(path);
    outputs.set(path, file);
    if ((await file.size()) === bytes) continue;
    const lost = plan.tensors.filter(({ placements }) => placements.some(({ job }) => locationOf(job) === path));
    const names = lost.map(({ entry }) => entry.name).filter((name) => journal.tensors.has(name));
    if (names.length > 0) await journal.forget(names);
    await file.truncate(0);
    await file.truncate(bytes);
  }
}

/** Reads one tensor from the stream's position, writes its rows to all placements, and flushes them. */
async function writeTensor(
  { entry, placements }: PlannedTensor,
  stream: FileStream,
  outputs: ReadonlyMap<string, RandomAccessFile>,
  onRead: (bytes: number) => void,
): Promise<void> {
  const files = new Set<RandomAccessFile>();
  const writers = placements.map((placement) => {
    const file = outputs.get(locationOf(placement.job));
    if (file === undefined) throw new Error(`${locationOf(placement.job)} is not open`);
    files.add(file);
    return placementWriter(placement, file);
  });
  const [rows = 0, ...rest] = entry.shape;
  const rowElements = rest.reduce((product, size) => product * size, 1);
  const rowBytes = rowElements * bytesPerElement(entry);
  const chunkRows = Math.max(1, Math.floor(CHUNK_ELEMENTS / rowElements));
  const scratch = new Float32Array(Math.min(chunkRows, rows) * rowElements);
  for (let row = 0; row < rows; row += chunkRows) {
    onRead(row * rowBytes);
    const bytes = await stream.take(Math.min(chunkRows, rows - row) * rowBytes);
    if (bytes.length % rowBytes !== 0 || bytes.length === 0) throw cutOff(entry.name, entry.file);
    const values = decodeElements(entry, row * rowElements, bytes, scratch);
    for (const writer of writers) await writer.write(values);
  }
  for (const writer of writers) await writer.finish();
  for (const file of files) await file.flush();
  onRead(entry.byteLength);
}

function sizeOf(tensors: readonly PlannedTensor[]): number {
  return tensors.reduce((sum, { entry }) => sum + entry.byteLength, 0);
}

/** Where the last of these tensors ends in their file. */
function endOf(tensors: readonly PlannedTensor[]): number {
  const last = tensors.at(-1)?.entry;
  return last === undefined ? 0 : last.byteOffset + last.byteLength;
}

function cutOff(tensor: string, file: string): NamedError {
  return new NamedError(
    'SafetensorsError',
    `${file} ends in the middle of ${tensor}: it has become shorter since it was opened; download the checkpoint's files again`,
  );
}

function altered(file: string, bytes: number, found = 'none', announced = 'none'): NamedError {
  return new NamedError(
    'CheckpointError',
    `${file} was altered in transit: its SHA-256 is ${found}, ${announced} was announced. What came from other files stays; ` +
      `convert again to download these ${Math.ceil(bytes / 1e6)} MB once more, from another endpoint if it happens again.`,
  );
}
