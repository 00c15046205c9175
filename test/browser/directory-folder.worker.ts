/** Writes files into the origin private file system, reads them in place, and answers with what it found. */
import { directoryFolder } from '../../src/io/web/directory-folder.ts';

async function look(): Promise<Record<string, unknown>> {
  const root = await navigator.storage.getDirectory();
  const folder = directoryFolder(await root.getDirectoryHandle(crypto.randomUUID(), { create: true }), 'folder');
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
  await folder.put('a/weights', bytes);
  // 1. Two readers at once, and the Blob beside them.
  const [one, other] = [await folder.openFile('a/weights'), await folder.openFile('a/weights')];
  const part = new Uint8Array(1000);
  one?.read(part, 90_000);
  const whole = new Uint8Array(bytes.length);
  other?.read(whole, 0);
  const blob = new Uint8Array((await (await folder.blob('a/weights'))?.arrayBuffer()) ?? []);
  // 2. Beyond the end.
  let beyond = '';
  try {
    one?.read(new Uint8Array(1000), 99_500);
  } catch (thrown) {
    beyond = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : '';
  }
  one?.close();
  other?.close();
  // 3. While it is open for writing, and none at all.
  const writing = await folder.open('a/weights');
  const meanwhile = await folder.openFile('a/weights');
  await writing.close();
  const afterwards = await folder.openFile('a/weights');
  afterwards?.close();
  return {
    part: part.every((value, i) => value === (90_000 + i) % 251),
    whole: whole.every((value, i) => value === bytes[i]),
    blob: blob.length === bytes.length && blob.every((value, i) => value === bytes[i]),
    beyond,
    meanwhile: meanwhile === undefined,
    afterwards: afterwards !== undefined,
    missing: (await folder.openFile('a/nothing')) === undefined,
  };
}

addEventListener('message', () => {
  look().then(
    (found) => postMessage(found),
    (thrown: unknown) => postMessage({ error: String(thrown) }),
  );
});
