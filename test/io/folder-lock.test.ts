import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from '../../src/io/node/folder-lock.ts';

let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'visionthink-lock-'));
  lock = join(folder, 'conversion.lock');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Locks the folder and releases it; resolves to the lock's content. */
async function relock(): Promise<string> {
  const unlock = await lockFolder(folder);
  const text = readFileSync(lock, 'utf8');
  await unlock();
  return text;
}

describe('the lock of a folder', () => {
  it('is held once, until it is released', async () => {
    const unlock = await lockFolder(folder);
    await expect(lockFolder(folder)).rejects.toMatchObject({
      name: 'StorageError',
      message: expect.stringContaining(`is being written by process ${process.pid}`),
    });
    await unlock();
    expect(existsSync(lock)).toBe(false);
    await relock();
  });

  it('counts while the process with its id is running', async () => {
    writeFileSync(lock, String(process.ppid));
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.ppid}`);
  });

  it.each([
    ['a process that is gone', '2147483646'],
    ['an earlier process with the same id', String(process.pid)],
    ['an unknown owner', 'nonsense'],
  ])('does not count when it belongs to %s', async (_, text) => {
    writeFileSync(lock, text);
    expect(await relock()).toBe(String(process.pid));
  });

  it('is waited for while its process id is being written, and expires if that takes too long', async () => {
    writeFileSync(lock, '');
    setTimeout(() => writeFileSync(lock, String(process.ppid)), 300);
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.ppid}`);
    writeFileSync(lock, '');
    utimesSync(lock, 1e9, 1e9);
    await relock();
  });
});
