/**
 * SHA-256, the one place that computes it. The platform's own digest is ten times as fast as JavaScript and works beside us,
 * but hashes only complete buffers. So the hash of a long file is made of its pieces' hashes: pieces are hashed
 * natively, several side by side. A StreamHash hashes a stream whose hash was announced elsewhere.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

/** A file longer than this many bytes is hashed in pieces of this many. */
export const PIECE_BYTES = 1 << 25;

/** Pieces that are read and hashed at the same time. */
const SIDE_BY_SIDE = 3;

/** An incremental hash. It may run asynchronously. */
export interface StreamHash {
  update(bytes: Uint8Array): void | Promise<void>;
  /** The hash of all bytes so far, hexadecimal. Nothing may follow. */
  finish(): string | Promise<string>;
}

/** A StreamHash in JavaScript, for where the platform has none: some 130 MB/s. */
export function createStreamHash(): StreamHash {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), finish: () => bytesToHex(hash.digest()) };
}

/** SHA-256 of bytes, hexadecimal. */
export async function hashBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return bytesToHex(await digest(bytes));
}

/**
 * The hash that manifests list: SHA-256 of the content, hexadecimal; of a file longer than {@link PIECE_BYTES}, SHA-256 of
 * the concatenated SHA-256s of its pieces. `onRead` receives the number of bytes hashed so far.
 */
export async function hashBlob(blob: Blob, onRead: (bytes: number) => void = () => undefined): Promise<string> {
  const hashes = new Uint8Array(32 * Math.ceil(blob.size / PIECE_BYTES));
  let next = 0;
  let read = 0;
  const work = async (): Promise<void> => {
    for (let piece = next++; piece * PIECE_BYTES < blob.size; piece = next++) {
      const bytes = await blob.slice(piece * PIECE_BYTES, (piece + 1) * PIECE_BYTES).arrayBuffer();
      hashes.set(await digest(new Uint8Array(bytes)), piece * 32);
      onRead((read += bytes.byteLength));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
  return bytesToHex(hashes.length > 32 ? await digest(hashes) : hashes.length === 0 ? sha256(hashes) : hashes);
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  // Pages served by another machine over unencrypted http have no crypto.subtle.
  const native = globalThis.isSecureContext === false ? undefined : crypto.subtle;
  return native === undefined ? sha256(bytes) : new Uint8Array(await native.digest('SHA-256', bytes));
}
