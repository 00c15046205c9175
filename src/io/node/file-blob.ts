/**
 * A file on disk as a Blob that reads lazily. Node's own openAsBlob takes sizes modulo 2^32 (Node 20 and 24), and a
 * checkpoint's shards are often larger than 4 GB.
 */
import { open, stat } from 'node:fs/promises';
import { RangedBlob } from '../ranged-blob.ts';

/** The file at `path`, or undefined when there is none. Its size is read now, its bytes later. */
export async function openFileBlob(path: string): Promise<Blob | undefined> {
  const found = await stat(path).catch(() => null);
  return found?.isFile() ? new RangedBlob((first, end) => readRange(path, first, end), 0, found.size) : undefined;
}

/** Bytes `[first, end)` of the file. Throws when it has become shorter than that. */
async function readRange(path: string, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(end - first);
  const file = await open(path);
  try {
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, first + at);
      if (bytesRead === 0) throw new Error(`${path} ends after ${first + at} of ${end} bytes`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return bytes;
}
