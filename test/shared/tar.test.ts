import { describe, expect, it } from 'vitest';
import { tarBlob } from '../../src/shared/tar.ts';

/** Reads an archive as the format says: headers of 512 bytes, sizes in octal, contents in whole blocks. */
async function untar(archive: Blob): Promise<Record<string, string>> {
  const bytes = new Uint8Array(await archive.arrayBuffer());
  const text = (from: number, length: number): string =>
    new TextDecoder().decode(bytes.subarray(from, from + length)).replace(/\0.*$/s, '');
  const files: Record<string, string> = {};
  for (let at = 0; bytes[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const header = bytes.slice(at, at + 512).fill(32, 148, 156);
    expect(Number.parseInt(text(at + 148, 8), 8)).toBe(header.reduce((sum, byte) => sum + byte, 0));
    files[text(at, 100)] = text(at + 512, size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  expect(bytes.length % 512).toBe(0);
  return files;
}

describe('a tar archive', () => {
  it('holds every file under the folder’s name', async () => {
    const files = [
      { path: 'manifest.json', blob: new Blob(['{}']) },
      { path: 'onnx/a.onnx', blob: new Blob(['x'.repeat(513)]) },
      { path: 'whole-block', blob: new Blob(['y'.repeat(512)]) },
      { path: 'empty', blob: new Blob([]) },
    ];
    expect(await untar(tarBlob('model', files))).toEqual({
      'model/manifest.json': '{}',
      'model/onnx/a.onnx': 'x'.repeat(513),
      'model/whole-block': 'y'.repeat(512),
      'model/empty': '',
    });
  });

  it('refuses a path that its headers cannot hold', () => {
    const path = `${'a'.repeat(120)}.onnx`;
    expect(() => tarBlob('model', [{ path, blob: new Blob([]) }])).toThrow('cannot hold');
  });
});
