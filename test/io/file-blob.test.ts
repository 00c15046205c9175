/** Files on disk as Blobs: the same as a Blob in memory, and right beyond 4 GB. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFileBlob } from '../../src/io/node/file-blob.ts';

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
/** A hole in a sparse file takes no disk space. */
const FAR = 4.5 * 2 ** 30;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'visionthink-file-blob-'));
  await writeFile(join(folder, 'small'), BYTES);
});

afterAll(() => rm(folder, { recursive: true }));

async function opened(name: string): Promise<Blob> {
  const blob = await openFileBlob(join(folder, name));
  if (blob === undefined) throw new Error(`no ${name}`);
  return blob;
}

async function streamed(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await new Response(blob.stream()).arrayBuffer());
}

describe('a file as a blob', () => {
  it('equals a blob in memory, whole and in slices of slices', async () => {
    const blob = await opened('small');
    const memory = new Blob([BYTES]);
    expect(blob.size).toBe(1000);
    for (const [start, end] of [
      [0, 1000],
      [10, 20],
      [-30, -5],
      [990, 2000],
      [20, 10],
      [1000, 1001],
    ] as const) {
      const [found, expected] = [blob.slice(start, end).slice(2, 9), memory.slice(start, end).slice(2, 9)];
      expect(found.size).toBe(expected.size);
      expect(new Uint8Array(await found.arrayBuffer())).toEqual(new Uint8Array(await expected.arrayBuffer()));
      expect(await streamed(found)).toEqual(new Uint8Array(await expected.arrayBuffer()));
    }
    expect(await blob.slice(65, 75).text()).toBe(await memory.slice(65, 75).text());
    expect(await streamed(blob)).toEqual(BYTES);
  });

  it('reads beyond 4 GB, where Node’s own openAsBlob does not', async () => {
    const file = await open(join(folder, 'large'), 'w');
    await file.write(BYTES, 0, BYTES.length, FAR);
    await file.close();
    const blob = await opened('large');
    expect(blob.size).toBe(FAR + 1000);
    expect(new Uint8Array(await blob.slice(FAR).arrayBuffer())).toEqual(BYTES);
    expect(await streamed(blob.slice(FAR + 500))).toEqual(BYTES.subarray(500));
  });

  it('says so when the file has become shorter', async () => {
    await writeFile(join(folder, 'cut'), BYTES);
    const blob = await opened('cut');
    await writeFile(join(folder, 'cut'), BYTES.subarray(0, 100));
    await expect(blob.arrayBuffer()).rejects.toThrow('ends after 100 of 1000 bytes');
  });

  it('is undefined for a missing file', async () => {
    expect(await openFileBlob(join(folder, 'nothing'))).toBeUndefined();
    expect(await openFileBlob(folder)).toBeUndefined();
  });
});
