/** Checkpoints converted straight from a hub: the same bytes as from a folder, despite a bad connection; and missing repositories. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { convertCheckpoint, type ConvertOptions } from '../../src/converter/convert.ts';
import { planConversion } from '../../src/converter/conversion-plan.ts';
import { JOURNAL_FILE } from '../../src/converter/journal.ts';
import { openHubFolder } from '../../src/io/hub/hub-folder.ts';
import type { HubOptions } from '../../src/io/hub/hub-options.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { createNodeHash } from '../../src/io/node/node-hash.ts';
import type { RandomAccessFile } from '../../src/shared/files.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { HubServer } from '../helpers/hub-server.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const ID = 'someone/VisionThink-Efficient';
const SHARDS = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const DIRECTORY = tinyCheckpoint('flat-f16-sharded');
const OPTIONS: ConvertOptions = { dtype: 'q4f16', createHash: createNodeHash };

let server: HubServer;
let expected: MemoryFolder;
const folders: string[] = [];

/** The golden checkpoint's files, some of them changed. */
function checkpoint(changes: Readonly<Record<string, Buffer<ArrayBuffer>>> = {}): Map<string, Buffer> {
  const files = new Map(readdirSync(DIRECTORY).map((path) => [path, readFileSync(join(DIRECTORY, path))]));
  for (const [path, content] of Object.entries(changes)) files.set(path, content);
  return files;
}

beforeAll(async () => {
  server = await HubServer.start();
  server.commit(ID, checkpoint());
  expected = new MemoryFolder();
  await convert(expected);
});
afterAll(async () => {
  await server.stop();
  folders.forEach((folder) => rmSync(folder, { recursive: true }));
});
beforeEach(async () => {
  server.repositories.clear();
  server.seen.length = 0;
  server.fault = () => undefined;
  server.commit(ID, checkpoint());
});

async function convert(
  folder: MemoryFolder | ReturnType<typeof nodeFolder>,
  options: Partial<ConvertOptions & HubOptions> = {},
) {
  const patience = { stallMs: 15_000, firstWaitMs: 1, longestWaitMs: 5, attempts: 2 };
  const source = await openHubFolder(ID, { fetch, endpoint: server.endpoint, patience, ...options });
  return convertCheckpoint(source, folder, { ...OPTIONS, ...options });
}

/** Every file as text, for comparison. */
function contents(folder: MemoryFolder): Record<string, string> {
  return Object.fromEntries([...folder.files].map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]));
}

/** The requested ranges of a file's content. */
function rangesOf(path: string): string[] {
  return server.seen
    .filter((seen) => seen.server === 'storage' && seen.path.endsWith(path))
    .map(({ range }) => range ?? '');
}

function tensorsIn(folder: MemoryFolder): string[] {
  const lines = folder.text(JOURNAL_FILE).trimEnd().split('\n').slice(1);
  return lines.map((line) => JSON.parse(line) as { tensor?: string }).flatMap(({ tensor }) => tensor ?? []);
}

describe('a checkpoint of the hub', () => {
  it('becomes the same folder as from disk, except for its name and origin', async () => {
    const local = new MemoryFolder();
    await convertCheckpoint(nodeFolder(DIRECTORY), local, { ...OPTIONS, prompts: 'efficient' });
    const { 'manifest.json': _theirs, ...others } = contents(local);
    expect(contents(expected)).toEqual({ ...others, 'manifest.json': expect.any(String) });
    const commit = server.repositories.get(ID)?.revisions.get('main');
    expect(expected.json('manifest.json')).toEqual({
      ...local.json('manifest.json'),
      name: 'VisionThink-Efficient',
      source: `${ID}@${commit}`,
    });
  });

  it('is downloaded once', async () => {
    let arrived = 0;
    const plan = await planConversion(nodeFolder(DIRECTORY), OPTIONS);
    await convert(new MemoryFolder(), { onBytes: (bytes) => (arrived += bytes) });
    const headers = SHARDS.reduce((sum, path) => sum + readFileSync(join(DIRECTORY, path)).readUInt32LE(0) + 8, 0);
    const small = [
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'preprocessor_config.json',
      'generation_config.json',
      'prompts.json',
      'model.safetensors.index.json',
    ];
    const smallBytes = small.reduce((sum, path) => sum + (checkpoint().get(path)?.length ?? 0), 0);
    // Headers are read before anything else, and once more as the hash of the whole file is taken.
    expect(arrived).toBeLessThanOrEqual(plan.readBytes + 2 * headers + smallBytes);
  });

  it('is converted over a connection that breaks, stalls and refuses', async () => {
    let request = 0;
    server.fault = ({ server: from }) => {
      if (from === 'hub') return undefined;
      request++;
      if (request % 4 === 1) return { kind: 'cut', after: 30_000 };
      return request % 4 === 2 ? { kind: 'status', status: 503 } : undefined;
    };
    const folder = new MemoryFolder();
    await convert(folder);
    expect(contents(folder)).toEqual(contents(expected));
    expect(request).toBeGreaterThan(6);
  });

  it('resumes where the network was lost, without downloading finished parts again', async () => {
    const folder = new MemoryFolder();
    server.fault = ({ path, range }) =>
      path.endsWith(SHARDS[1]) && !isHeader(range) ? { kind: 'status', status: 500 } : undefined;
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'HubError',
      message: expect.stringContaining('do the same again'),
    });
    const kept = tensorsIn(folder);
    expect(kept.length).toBeGreaterThan(5);
    server.fault = () => undefined;
    server.seen.length = 0;
    await convert(folder);
    expect(rangesOf(SHARDS[0]).filter((range) => !isHeader(range))).toEqual([]);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('whose bytes were altered in transit is refused, and only that file is converted again', async () => {
    const folder = new MemoryFolder();
    server.fault = ({ path, range }) =>
      path.endsWith(SHARDS[1]) && !isHeader(range) ? { kind: 'altered' } : undefined;
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(/model-00002-of-00002.*altered in transit: its SHA-256.*convert again/),
    });
    expect(folder.files.has('manifest.json')).toBe(false);
    server.fault = () => undefined;
    server.seen.length = 0;
    await convert(folder);
    expect(rangesOf(SHARDS[0]).filter((range) => !isHeader(range))).toEqual([]);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('that has changed at the next run says so, and can be finished at its first commit', async () => {
    const folder = new MemoryFolder();
    const commit = server.repositories.get(ID)?.revisions.get('main') ?? '';
    await stopAt(folder, 0.5);
    const before = tensorsIn(folder);
    const other = Buffer.from(checkpoint().get(SHARDS[1]) ?? []);
    other.writeUInt8(other.readUInt8(other.length - 2) ^ 1, other.length - 2);
    const next = server.commit(ID, checkpoint({ [SHARDS[1]]: other }));
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'ResumeError',
      message: expect.stringMatching(new RegExp(`commit ${commit} then, ${next} now.*--revision ${commit}`)),
    });
    expect(tensorsIn(folder)).toEqual(before);
    await convert(folder, { revision: commit });
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('that was converted before is not downloaded again, except on request or when a file is gone', async () => {
    const folder = new MemoryFolder();
    const manifest = await convert(folder);
    const downloads = async (options: Partial<ConvertOptions>): Promise<number> => {
      server.seen.length = 0;
      expect(await convert(folder, options)).toEqual(manifest);
      return SHARDS.flatMap(rangesOf).filter((range) => !isHeader(range)).length;
    };
    expect(await downloads({})).toBe(0);
    expect(await downloads({ restart: true })).toBeGreaterThan(0);
    folder.files.delete('decoder.data');
    expect(await downloads({})).toBeGreaterThan(0);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('whose new commit leaves the weights alone is resumed', async () => {
    const folder = new MemoryFolder();
    await stopAt(folder, 0.5);
    server.commit(ID, checkpoint({ 'README.md': Buffer.from('new') }));
    await convert(folder);
    expect(contents(folder)['decoder.data']).toBe(contents(expected)['decoder.data']);
  });
});

/** Whether a request is for the beginning of a file alone. */
function isHeader(range: string | undefined): boolean {
  return range === 'bytes=0-7' || range?.startsWith('bytes=8-') === true;
}

/** Converts until a share of the weights is there. */
async function stopAt(folder: MemoryFolder, share: number, options: Partial<ConvertOptions> = {}): Promise<void> {
  const stop = new AbortController();
  const onProgress: ConvertOptions['onProgress'] = ({ done, total }) => done > share * total && stop.abort();
  await expect(convert(folder, { signal: stop.signal, onProgress, ...options })).rejects.toMatchObject({
    name: 'StoppedError',
  });
}

describe('an unfinished conversion', () => {
  it('with another dtype says how to finish it, or restarts on request', async () => {
    const folder = new MemoryFolder();
    await stopAt(folder, 0.5, { dtype: 'q8' });
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'ResumeError',
      message: expect.stringMatching(/dtype q8.*--restart/),
    });
    await convert(folder, { restart: true });
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('without finished work gives way to another', async () => {
    const folder = new MemoryFolder();
    await stopAt(folder, -1, { dtype: 'fp16' });
    expect(folder.files.has(JOURNAL_FILE)).toBe(true);
    await convert(folder);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('survives a journal whose last line was cut off, and a data file that was lost', async () => {
    const folder = new MemoryFolder();
    await stopAt(folder, 0.7);
    const journal = folder.files.get(JOURNAL_FILE) ?? new Uint8Array();
    folder.files.set(JOURNAL_FILE, journal.slice(0, -5));
    folder.files.delete('decoder.data');
    await convert(folder);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('that is stopped before any work is done leaves nothing', async () => {
    const folder = new MemoryFolder();
    await expect(convert(folder, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'StoppedError' });
    expect(folder.created).toEqual([]);
  });
});

describe('a disk that is full', () => {
  /** A folder in memory with a limit on its bytes and on the bytes of each file; a file can be open only once. */
  class FullFolder extends MemoryFolder {
    left = Infinity;
    longest = Infinity;
    readonly opened = new Set<string>();

    override async open(path: string): Promise<RandomAccessFile> {
      if (this.opened.has(path)) throw new NamedError('StorageError', `${path} is open.`);
      this.opened.add(path);
      const file = await super.open(path);
      const full = (): NamedError => new NamedError('StorageError', 'The disk is full.');
      return {
        ...file,
        write: async (bytes, offset) => {
          this.left -= bytes.length;
          if (this.left < 0) throw full();
          await file.write(bytes, offset);
        },
        truncate: async (length) => {
          if (length > this.longest) throw full();
          await file.truncate(length);
        },
        close: async () => void this.opened.delete(path),
      };
    }
  }

  it('half-way keeps the finished part, and the next run resumes', async () => {
    const folder = new FullFolder();
    const plan = await planConversion(nodeFolder(DIRECTORY), OPTIONS);
    folder.left = 0.6 * [...plan.dataFiles.values()].reduce((sum, bytes) => sum + bytes, 0);
    await expect(convert(folder)).rejects.toMatchObject({ name: 'StorageError' });
    const kept = tensorsIn(folder);
    expect(kept.length).toBeGreaterThan(3);
    expect(folder.files.has('manifest.json')).toBe(false);
    folder.left = Infinity;
    await convert(folder);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it.each([
    ['for the data', 5000],
    ['for the journal', 0],
  ])('from the start, %s, leaves no file open, and the next run resumes', async (_, longest) => {
    const folder = new FullFolder();
    const plan = await planConversion(nodeFolder(DIRECTORY), OPTIONS);
    folder.left = 0.6 * [...plan.dataFiles.values()].reduce((sum, bytes) => sum + bytes, 0);
    await expect(convert(folder)).rejects.toMatchObject({ name: 'StorageError' });
    Object.assign(folder, { left: Infinity, longest });
    for (const path of plan.dataFiles.keys()) folder.files.delete(path);
    await expect(convert(folder)).rejects.toMatchObject({ name: 'StorageError' });
    expect([...folder.opened]).toEqual([]);
    folder.longest = Infinity;
    await convert(folder);
    expect(contents(folder)).toEqual(contents(expected));
  });

  it('with too little free capacity is reported before anything is downloaded', async () => {
    const folder = Object.assign(new MemoryFolder('a full folder'), { freeBytes: async () => 10_000 });
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'StorageError',
      message: expect.stringMatching(/a full folder has 1 MB free, the converted model takes \d+ MB/),
    });
    expect(rangesOf(SHARDS[0]).filter((range) => !isHeader(range))).toEqual([]);
  });

  it('on Node is a named error', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'visionthink-full-'));
    folders.push(directory);
    symlinkSync('/dev/full', join(directory, `${JOURNAL_FILE}.new`)); // every write to it finds the disk full
    await expect(convert(nodeFolder(directory))).rejects.toMatchObject({
      name: 'StorageError',
      message: expect.stringMatching(/disk of .* is full.*do the same again/),
    });
  });
});

describe('a repository without a supported checkpoint', () => {
  it.each<[string, readonly string[], RegExp]>([
    [
      'pickles only',
      ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'pytorch_model-00001-of-00004.bin'],
      /pickle.*save the model as safetensors/,
    ],
    [
      'GGUF only',
      ['VisionThink-Q4_K_M.gguf', 'README.md'],
      /VisionThink-Q4_K_M\.gguf is a GGUF model.*original checkpoint/,
    ],
    ['a LoRA adapter only', ['adapter_config.json', 'adapter_model.safetensors'], /LoRA adapter.*merge it/],
    ['nothing', ['README.md'], /has no config\.json/],
  ])('but %s', async (_, paths, says) => {
    const content = new Map(paths.map((path) => [path, checkpoint().get(path) ?? Buffer.from('x')]));
    server.commit(ID, content);
    const folder = new MemoryFolder();
    await expect(convert(folder)).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(says),
    });
    expect(folder.created).toEqual([]);
  });
});
