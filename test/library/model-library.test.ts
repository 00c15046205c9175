/** The library over folders in memory: adding, stopping, resuming, altering and deleting models, and its messages. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { fileListFolder } from '../../src/io/web/file-list-folder.ts';
import { MANIFEST_FILE } from '../../src/model/manifest.ts';
import { type LibraryDeps, ModelLibrary } from '../../src/library/model-library.ts';
import type { ModelOrigin, ModelProgress, StoredModel } from '../../src/protocol/library-api.ts';
import type { FolderFile } from '../../src/shared/files.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';
import { MemoryStorage } from '../helpers/memory-storage.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const TINY = 'flat-f16-sharded';

function checkpointFiles(): FolderFile[] {
  const folder = tinyCheckpoint(TINY);
  return readdirSync(folder).map((path) => ({ path, blob: new Blob([readFileSync(join(folder, path))]) }));
}

const CHECKPOINT: ModelOrigin = { kind: 'files', name: 'tiny', files: checkpointFiles() };

/** The golden checkpoint, converted. */
async function modelFolder(dtype: 'q8' | 'q4f16' = 'q8'): Promise<MemoryFolder> {
  const folder = new MemoryFolder('tiny-q8');
  const source = { ...fileListFolder('tiny', checkpointFiles()), commit: 'c'.repeat(40) };
  await convertCheckpoint(source, folder, { dtype });
  return folder;
}

function originOf(folder: MemoryFolder): ModelOrigin {
  const files = [...folder.files].map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
  return { kind: 'files', name: folder.name, files };
}

/** The files as text, which compares quickly: `toEqual` of long arrays compares number by number. */
function contents(folder: MemoryFolder | undefined): Record<string, string> {
  const files = [...(folder?.files ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(files.map(([path, bytes]) => [path, Buffer.from(bytes).toString('base64')]));
}

function library(changes: Partial<LibraryDeps> = {}) {
  const storage = new MemoryStorage();
  const models = new ModelLibrary({
    storage,
    open: async (origin) => {
      if (origin.kind !== 'files') throw new Error('only files here');
      const { name, files } = origin;
      // With a commit, like a repository: then a whole folder is not converted again.
      const source = { ...fileListFolder(name, files), commit: 'c'.repeat(40) };
      return { source, origin: { kind: 'files', name }, isRemote: false };
    },
    probe: async () => ({ adapter: 'a card', hasF16: true, isSoftware: false, maxBindingBytes: 1e9 }),
    tryBytes: async (bytes) => ({ takenBytes: bytes / 2, refusal: 'out of memory.' }),
    ...changes,
  });
  const only = async (): Promise<StoredModel> => {
    const { models: found } = await models.list();
    if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} models`);
    return found[0];
  };
  return { storage, models, only };
}

const ignore = (): void => undefined;

describe('a survey', () => {
  it.each(['q4f16', 'q8', 'fp16'] as const)('predicts the size of the %s folder', async (dtype) => {
    const { models, only } = library();
    const survey = await models.survey(CHECKPOINT, null);
    const reported = survey.choices.find((choice) => choice.dtype === dtype)?.folderBytes ?? 0;
    await models.add(CHECKPOINT, dtype, ignore);
    const { totalBytes } = await only();
    // Settings that are written in other words than they were read are all that is not known.
    expect(Math.abs(reported - totalBytes)).toBeLessThan(8000);
    expect(survey).toMatchObject({ kind: 'checkpoint', downloadBytes: 0, proposed: 'q4f16', prompts: 'own' });
  });

  it('of a converted folder has one choice: to copy it', async () => {
    const { models } = library();
    const survey = await models.survey(originOf(await modelFolder()), null);
    expect(survey).toMatchObject({ kind: 'modelFolder', proposed: 'q8', name: 'tiny' });
    expect(survey.choices).toHaveLength(1);
  });

  it('refuses a folder without a model with a named error', async () => {
    const { models } = library();
    const only = (path: string): ModelOrigin => ({
      kind: 'files',
      name: 'x',
      files: [{ path, blob: new Blob(['{}']) }],
    });
    await expect(models.survey(only('adapter_config.json'), null)).rejects.toMatchObject({ name: 'CheckpointError' });
    await expect(models.survey(only('model.gguf'), null)).rejects.toThrow('GGUF');
  });

  it('reports the result of a trial allocation on the graphics card', async () => {
    const { models } = library();
    expect(await models.tryMachine(4e9)).toMatchObject({
      verdict: 'no',
      text: expect.stringContaining('2.0 GB of 4.0 GB'),
    });
  });
});

describe('a checkpoint', () => {
  it('becomes a model that is verified, and is not made twice', async () => {
    const { models, only } = library();
    const reported: ModelProgress[] = [];
    const key = await models.add(CHECKPOINT, 'q8', (progress) => reported.push(progress));
    const model = await only();
    expect(model).toMatchObject({ key, name: 'tiny', dtype: 'q8', use: 'free', state: { kind: 'ready' } });
    expect(model.state.kind === 'ready' && model.state.verified).toMatch(/^\d{4}-/);
    expect(new Set(reported.map(({ phase }) => phase))).toEqual(new Set(['weights', 'hashes']));
    const again: ModelProgress[] = [];
    expect(await models.add(CHECKPOINT, 'q8', (progress) => again.push(progress))).toBe(key);
    expect(again).toEqual([]);
  });

  it('can be paused immediately after its start', async () => {
    const { models } = library();
    const started = models.add(CHECKPOINT, 'q8', ignore);
    await models.pause();
    await expect(started).rejects.toMatchObject({ name: 'StoppedError' });
  });

  it('can be paused, reports progress, resumes, and gives the same bytes', async () => {
    const { models, only, storage } = library();
    const half = models.add(CHECKPOINT, 'q8', ({ done, total }) => {
      if (done > total / 2) void models.pause();
    });
    await expect(half).rejects.toMatchObject({ name: 'StoppedError' });
    const { key, state } = await only();
    expect(state.kind).toBe('partial');
    expect(state.kind === 'partial' && state.done / state.total).toBeGreaterThan(0.4);

    await expect(models.resume(key, null, ignore)).rejects.toThrow('Choose the folder tiny again');
    let first = 0;
    await models.resume(key, checkpointFiles(), ({ done }) => (first ||= done));
    expect(first).toBeGreaterThan(0);
    expect((await only()).state.kind).toBe('ready');
    const [made] = storage.directories.values();
    expect(contents(made?.model)).toEqual(contents(await modelFolder()));
  });

  it('is not resumed with other files, and says so in terms of the page', async () => {
    const { models } = library();
    const half = models.add(CHECKPOINT, 'q8', ({ done, total }) => {
      if (done > total / 2) void models.pause();
    });
    await expect(half).rejects.toMatchObject({ name: 'StoppedError' });
    const [{ key } = { key: '' }] = (await models.list()).models;
    const longer = checkpointFiles().map(({ path, blob }) =>
      path.endsWith('00002.safetensors') ? { path, blob: new File([blob], path, { lastModified: 1 }) } : { path, blob },
    );
    await expect(models.resume(key, longer, ignore)).rejects.toMatchObject({
      name: 'ResumeError',
      message: expect.not.stringContaining('--'),
    });
  });

  it('allows one job at a time', async () => {
    const { models } = library();
    const first = models.add(CHECKPOINT, 'q8', ignore);
    await expect(models.add(CHECKPOINT, 'q4', ignore)).rejects.toMatchObject({ name: 'BusyError' });
    await first;
  });

  it('that another tab holds is neither written nor deleted', async () => {
    const { models, storage, only } = library();
    const key = await models.add(CHECKPOINT, 'q8', ignore);
    storage.held.set(key, 'shared');
    expect((await only()).use).toBe('open');
    await expect(models.remove(key)).rejects.toMatchObject({ name: 'BusyError' });
    storage.held.set(key, 'exclusive');
    expect((await only()).use).toBe('busy');
    await expect(models.verify(key, ignore)).rejects.toMatchObject({ name: 'BusyError' });
    storage.held.clear();
    await models.remove(key);
    expect((await models.list()).models).toEqual([]);
  });
});

describe('a model that was altered', () => {
  it('is damaged once a file is missing or has another size', async () => {
    const { models, storage, only } = library();
    const key = await models.add(CHECKPOINT, 'q8', ignore);
    const files = storage.directories.get(key)?.model.files;
    const decoder = files?.get('decoder.data');
    files?.set('decoder.data', new Uint8Array(3));
    expect((await only()).state).toMatchObject({
      kind: 'damaged',
      why: expect.stringMatching(/decoder.data has 3 bytes/),
    });
    files?.delete('decoder.data');
    expect((await only()).state).toMatchObject({ kind: 'damaged', why: expect.stringContaining('missing') });
    expect(decoder).toBeDefined();
    await expect(models.withFiles(key, async () => 0)).rejects.toThrow('lacks decoder.data');
  });

  it('is damaged once it was verified', async () => {
    const { models, storage, only } = library();
    const key = await models.add(CHECKPOINT, 'q8', ignore);
    expect(await models.verify(key, ignore)).toMatchObject({ kind: 'ready' });
    storage.directories.get(key)?.model.files.get('decoder.data')?.fill(7, 100, 200);
    expect(await models.verify(key, ignore)).toMatchObject({
      kind: 'damaged',
      why: expect.stringContaining('decoder.data is not what was written'),
    });
    expect((await only()).state.kind).toBe('damaged');

    // Adding it again repairs it, although every file has the right size.
    await models.add(CHECKPOINT, 'q8', ignore);
    expect((await only()).state.kind).toBe('ready');
    expect(contents(storage.directories.get(key)?.model)).toEqual(contents(await modelFolder()));
  });

  it('is damaged when its manifest cannot be read', async () => {
    const { models, storage, only } = library();
    const key = await models.add(CHECKPOINT, 'q8', ignore);
    storage.directories.get(key)?.model.set(MANIFEST_FILE, '{"format": "some');
    expect((await only()).state).toMatchObject({ kind: 'damaged', why: expect.stringContaining('manifest.json') });
  });
});

describe('a converted folder', () => {
  it('is copied whole, resumes where it was stopped, and is verified', async () => {
    const folder = await modelFolder();
    const { models, storage, only } = library();
    let pieces = 0;
    const half = models.add(originOf(folder), 'q8', () => {
      if (++pieces === 4) void models.pause();
    });
    await expect(half).rejects.toMatchObject({ name: 'StoppedError' });
    const { key, state } = await only();
    expect(state).toMatchObject({ kind: 'partial', total: expect.any(Number) });
    await models.resume(key, [...(originOf(folder) as { files: readonly FolderFile[] }).files], ignore);
    expect((await only()).state).toMatchObject({ kind: 'ready', verified: expect.any(String) });
    expect(contents(storage.directories.get(key)?.model)).toEqual(contents(folder));
  });

  it('that was altered is refused, and its intact files stay', async () => {
    const folder = await modelFolder();
    folder.files.get('decoder.data')?.fill(7, 100, 200);
    const { models, only } = library();
    await expect(models.add(originOf(folder), 'q8', ignore)).rejects.toMatchObject({
      name: 'ModelFolderError',
      message: expect.stringContaining('decoder.data of tiny-q8 was altered'),
    });
    expect((await only()).state.kind).toBe('partial');
  });
});
