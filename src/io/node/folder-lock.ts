/** Lets one process at a time write a folder: a lock file holds the process id, which counts only while that process runs. */
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NamedError } from '../../shared/errors.ts';
import { pause } from '../../shared/pause.ts';

const LOCK_FILE = 'conversion.lock';

/** An empty lock file younger than this is still being written. Milliseconds. */
const WRITING_MS = 2000;

/** Locks this process holds. Any other lock with its id comes from an earlier process with the same id, as in containers. */
const held = new Set<string>();

/**
 * Makes the folder where it is missing, and locks it until the returned function is called. The lock of a process that was
 * killed does not count. Throws StorageError while another process holds it, or this one does.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = resolve(directory, LOCK_FILE);
  for (;;) {
    const file = await open(path, 'wx').catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown;
    });
    if (file !== undefined) {
      await file.writeFile(String(process.pid));
      await file.close();
      held.add(path);
      return async () => {
        held.delete(path);
        await rm(path, { force: true });
      };
    }
    const holder = await holderOf(path);
    if (holder === null) {
      await pause(WRITING_MS / 20);
      continue;
    }
    if (holder === process.pid ? held.has(path) : isRunning(holder)) {
      throw new NamedError(
        'StorageError',
        `${directory} is being written by process ${holder}. Wait until it has finished, end it, or choose another folder.`,
      );
    }
    await rm(path, { force: true });
  }
}

/** The process id in a lock, 0 when there is none; null while it is still being written. */
async function holderOf(path: string): Promise<number | null> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    return text === '' && Date.now() - mtimeMs < WRITING_MS ? null : Number(text);
  } catch {
    return 0; // gone meanwhile
  }
}

function isRunning(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0); // sends nothing
    return true;
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
