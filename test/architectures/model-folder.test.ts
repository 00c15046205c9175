/** Whole model folders, and every kind of broken one. */
import { beforeAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { hashBlob } from '../../src/shared/sha256.ts';
import type { Manifest } from '../../src/model/manifest.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

let whole: MemoryFolder;
let manifest: Manifest;

beforeAll(async () => {
  whole = new MemoryFolder('the model');
  manifest = await convertCheckpoint(nodeFolder(tinyCheckpoint('interleaved-f32')), whole, { dtype: 'q4f16' });
});

async function open(folder: MemoryFolder): Promise<unknown> {
  return openModelFolder(folder, await readManifest(folder));
}

/** Expects opening to fail with a ModelFolderError whose message matches. */
async function expectRefusal(folder: MemoryFolder, ...says: readonly (string | RegExp)[]): Promise<void> {
  const thrown: unknown = await open(folder).then(
    () => 'it was opened',
    (error: unknown) => error,
  );
  expect(thrown).toMatchObject({ name: 'ModelFolderError' });
  for (const text of says) expect(String(thrown)).toMatch(text);
}

/** The folder with another manifest. */
function withManifest(change: (json: Record<string, unknown>) => void): MemoryFolder {
  const folder = whole.copy();
  const json = folder.json('manifest.json');
  change(json);
  folder.set('manifest.json', json);
  return folder;
}

describe('a whole model folder', () => {
  it('opens, and its manifest is the one the converter returned', async () => {
    expect(await readManifest(whole)).toEqual(manifest);
    await expect(open(whole)).resolves.toBeDefined();
  });

  it('names its architecture', () => {
    expect(manifest).toMatchObject({ architecture: 'qwen2_5_vl', config: { tokens: { eosTokenIds: [2] } } });
  });

  it('opens in the older format, whose manifest names no architecture and calls the config "geometry"', async () => {
    const old = withManifest((json) => {
      json['geometry'] = json['config'];
      delete json['config'];
      delete json['architecture'];
    });
    expect(await readManifest(old)).toEqual(manifest);
    await expect(open(old)).resolves.toMatchObject({ model: { modelType: 'qwen2_5_vl' } });
  });

  it('lists every file but the manifest, with true sizes and hashes', async () => {
    const listed = manifest.files.map((file) => file.path).toSorted();
    expect([...listed, 'manifest.json'].toSorted()).toEqual([...whole.files.keys()].toSorted());
    for (const { path, bytes, sha256 } of manifest.files) {
      expect(whole.files.get(path)?.length).toBe(bytes);
      expect(await hashBlob(new Blob([whole.files.get(path) ?? '']))).toBe(sha256);
    }
  });

  it('reports progress from zero to the total', async () => {
    const seen: number[] = [];
    let total = 0;
    await openModelFolder(whole, manifest, { onProgress: (loaded, all) => (seen.push(loaded), (total = all)) });
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(total);
    expect(seen.every((loaded, i) => loaded >= (seen[i - 1] ?? 0))).toBe(true);
    expect(total).toBe(manifest.files.reduce((sum, file) => sum + file.bytes, 0));
  });

  it('reads only the files that are requested', async () => {
    const folder = whole.copy();
    const decoder = manifest.files.find((file) => file.path === 'decoder.f16.onnx');
    if (decoder === undefined) throw new Error('there is a decoder');
    folder.files.delete(decoder.path);
    const opened = await openModelFolder(folder, manifest, { needed: (path) => path !== decoder.path });
    expect(() => opened.blob(decoder.path)).toThrowError(expect.objectContaining({ name: 'ModelFolderError' }));
  });
});

describe('a broken model folder', () => {
  it('is refused whichever file is missing', async () => {
    for (const { path } of manifest.files) {
      const folder = whole.copy();
      folder.files.delete(path);
      await expectRefusal(folder, path, /missing/);
    }
  });

  it('is refused whichever file is shortened', async () => {
    for (const { path, bytes } of manifest.files) {
      const folder = whole.copy();
      folder.files.set(path, folder.files.get(path)?.slice(0, -1) ?? new Uint8Array());
      await expectRefusal(folder, path, String(bytes));
    }
  });

  it('is refused whichever file has one altered byte', async () => {
    for (const { path } of manifest.files) {
      const folder = whole.copy();
      const bytes = folder.files.get(path);
      if (bytes === undefined) throw new Error('the file is there');
      const at = bytes.length >> 1;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      await expectRefusal(folder, path, /altered/);
    }
  });

  it('is refused without a manifest', async () => {
    const folder = whole.copy();
    folder.files.delete('manifest.json');
    await expectRefusal(folder, 'manifest.json', 'the model');
  });

  it.each([
    ['bad JSON', '{"format": "visionthink-model",'],
    ['nothing', ''],
    ['a list', '[]'],
    ['another format', '{"format": "onnx"}'],
  ])('is refused when the manifest holds %s', async (_, text) => {
    const folder = whole.copy();
    folder.set('manifest.json', text);
    await expectRefusal(folder, 'manifest.json');
  });

  it.each([0, 2, '1', null])('is refused when its version is %j', async (version) => {
    await expectRefusal(
      withManifest((json) => (json['version'] = version)),
      'manifest.json',
      /version/,
    );
  });

  it.each([
    '../config.json',
    'a/../../b',
    '/etc/passwd',
    'C:\\x',
    'a\\b',
    'http://x/y',
    'data:x',
    '',
    '.',
    './a',
    'a//b',
    'a/',
    '..',
    'a/..',
    '%2e%2e/a',
    'a?b',
    'a#b',
    '\u0000',
    'manifest.json',
  ])('is refused when it lists the path %j', async (path) => {
    const folder = withManifest((json) => {
      json['files'] = [
        ...(json['files'] as unknown[]),
        { path, bytes: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
      ];
    });
    await expectRefusal(folder, 'manifest.json', /path/);
  });

  it('is refused when it lists a file twice', async () => {
    await expectRefusal(
      withManifest((json) => (json['files'] = [...(json['files'] as unknown[]), manifest.files[0]])),
      'manifest.json',
      /twice/,
    );
  });

  it.each([
    ['name', 3],
    ['source', undefined],
    ['dtype', null],
    ['parameters', -1],
    ['parameters', 1.5],
    ['files', {}],
    ['files', ['decoder.f32.onnx']],
    ['files', [{ path: 'a', bytes: '1', sha256: 'x' }]],
    ['largestTensorBytes', -1],
    ['variants', []],
    ['variants', [{ name: 'f64', graphs: {} }]],
    ['variants', [{ name: 'f32' }]],
    ['variants', [{ name: 'f32', graphs: {} }]],
    ['defaultPixelBudget', 'large'],
    ['defaultPixelBudget', -4],
    ['config', undefined],
    ['config', {}],
    ['config', { text: { hiddenSize: 8 } }],
    ['architecture', 7],
  ])('is refused when "%s" is %j', async (key, value) => {
    await expectRefusal(
      withManifest((json) => (json[key] = value)),
      /manifest/,
    );
  });

  it('is refused when its architecture is unknown, with advice', async () => {
    const folder = withManifest((json) => (json['architecture'] = 'llava_9'));
    await expectRefusal(folder, '"llava_9"', 'qwen2_5_vl', /convert the checkpoint/);
  });

  it('is refused when a size is impossible for its architecture', async () => {
    const folder = withManifest((json) => {
      const { text, ...config } = json['config'] as { text: object };
      json['config'] = { ...config, text: { ...text, mropeSection: [1, 1, 1] } };
    });
    await expectRefusal(folder, 'mrope sections');
  });

  it('is refused when a graph needs a file that is not listed', async () => {
    const folder = withManifest((json) => {
      json['files'] = (json['files'] as { path: string }[]).filter((file) => file.path !== 'decoder.data');
    });
    await expectRefusal(folder, 'manifest.json', 'decoder.data');
  });

  it.each(['tokenizer.json', 'tokenizer_config.json', 'prompts.json', 'preprocessor_config.json'])(
    'is refused when %s holds no usable JSON, whatever its hash',
    async (path) => {
      for (const text of ['{', '[]']) {
        const folder = whole.copy();
        folder.set(path, text);
        const json = folder.json('manifest.json');
        const sha256 = await hashBlob(new Blob([text]));
        json['files'] = (json['files'] as { path: string }[]).map((file) =>
          file.path === path ? { path, bytes: text.length, sha256 } : file,
        );
        folder.set('manifest.json', json);
        await expectRefusal(folder, /tokenizer|prompts\.json|preprocessor_config\.json/);
      }
    },
  );

  it('is refused when it has no prompts', async () => {
    const folder = withManifest((json) => {
      json['files'] = (json['files'] as { path: string }[]).filter((file) => file.path !== 'prompts.json');
    });
    await expectRefusal(folder, 'prompts.json');
  });
});
