/** Files as one tar archive (POSIX ustar), built without reading them: the archive is a Blob of Blobs. */
import { NamedError } from './errors.ts';
import type { FolderFile } from './files.ts';

/** Headers and contents fill whole blocks of this many bytes. */
const BLOCK_BYTES = 512;

/** The archive that unpacks to the folder `name`. Throws StorageError for a path that the format cannot hold. */
export function tarBlob(name: string, files: readonly FolderFile[]): Blob {
  const parts: BlobPart[] = [];
  for (const { path, blob } of files) {
    parts.push(header(`${name}/${path}`, blob.size), blob);
    parts.push(new Uint8Array((BLOCK_BYTES - (blob.size % BLOCK_BYTES)) % BLOCK_BYTES));
  }
  parts.push(new Uint8Array(2 * BLOCK_BYTES));
  return new Blob(parts, { type: 'application/x-tar' });
}

/** A file's header. Sizes are octal numbers of eleven digits: up to 8 GB. */
function header(path: string, size: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (text: string, at: number, length: number): void => {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > length) {
      throw new NamedError(
        'StorageError',
        `A tar archive cannot hold ${path} of ${size} bytes. Export to a folder instead.`,
      );
    }
    block.set(bytes, at);
  };
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  put(path, 0, 100);
  put(octal(0o644, 7), 100, 8); // mode
  put(octal(0, 7), 108, 8); // owner
  put(octal(0, 7), 116, 8); // group
  put(octal(size, 11), 124, 12);
  put(octal(0, 11), 136, 12); // time of change: the same files give the same archive
  put(' '.repeat(8), 148, 8); // the checksum counts as spaces
  put('0', 156, 1); // a regular file
  put('ustar\0' + '00', 257, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8);
  return block;
}
