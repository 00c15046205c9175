/** One process at a time writes a folder: a lock file with the process's number, which counts only while that process runs. */
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NamedError } from '../../shared/errors.ts';

const LOCK_FILE = 'conversion.lock';

/**
 * Makes the folder where it is missing, and locks it until the returned function is called. The lock of a process that was
 * killed does not count. Throws StorageError while another process holds it.
 */
export async function lockFolder(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, LOCK_FILE);
  for (;;) {
    const file = await open(path, 'wx').catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown;
    });
    if (file !== undefined) {
      await file.writeFile(String(process.pid));
      await file.close();
      return () => rm(path, { force: true });
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (isRunning(holder)) {
      throw new NamedError(
        'StorageError',
        `${directory} is being written by process ${holder}. Wait until it has finished, end it, or choose another folder.`,
      );
    }
    await rm(path, { force: true });
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
