/** Checkpoints converted to every dtype and run; checkpoints that cannot be converted and leave no files. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { type Dtype, DTYPES } from '../../src/converter/dtypes.ts';
import { promptLogits } from '../../src/engine/prompt-logits.ts';
import { preprocess } from '../../src/image/patchify.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import type { Manifest, VariantName } from '../../src/model/manifest.ts';
import { openModelFolder } from '../../src/architectures/model-folder.ts';
import { readManifest } from '../../src/model/read-manifest.ts';
import { createNodeRuntime } from '../../src/backends/onnx/node/node-runtime.ts';
import { openOnnxBackend } from '../../src/backends/onnx/onnx-backend.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';
import { picture } from '../helpers/scripted-engine.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));

async function convertTo(checkpoint: string, dtype: Dtype): Promise<{ directory: string; manifest: Manifest }> {
  const directory = mkdtempSync(join(tmpdir(), 'visionthink-convert-'));
  folders.push(directory);
  return {
    directory,
    manifest: await convertCheckpoint(nodeFolder(tinyCheckpoint(checkpoint)), nodeFolder(directory), { dtype }),
  };
}

interface Outputs {
  readonly features: Float32Array;
  readonly logits: Float32Array;
}

/** Features of a picture, and the logits after it and a few words. */
async function run(
  { directory, manifest }: { directory: string; manifest: Manifest },
  variant: VariantName,
): Promise<Outputs> {
  const source = nodeFolder(directory);
  const folder = await openModelFolder(source, manifest);
  const runtime = createNodeRuntime(directory);
  const backend = await openOnnxBackend({ folder, variant, runtime, onEvent: () => undefined });
  const image = preprocess(picture(140, 84), folder.processor);
  const { gridThw } = image;
  const features = await backend.vision.encode(image);
  const grid = { height: gridThw[1] / 2, width: gridThw[2] / 2 };
  const logits = await promptLogits(backend.text, [
    { kind: 'text', ids: folder.tokenizer.encode('<|im_start|>user\n<|vision_start|>') },
    { kind: 'image', serial: 0, grid, features: async () => features },
    { kind: 'text', ids: folder.tokenizer.encode('<|vision_end|>How many stars are there?<|im_end|>') },
  ]);
  const values = await features.read();
  await backend.dispose();
  return { features: values, logits };
}

/** Root mean square of the difference, as a share of that of the expected values. */
function distance(found: Float32Array, expected: Float32Array): number {
  expect(found.length).toBe(expected.length);
  const square = (values: Float32Array): number => values.reduce((sum, value) => sum + value * value, 0);
  return Math.sqrt(square(found.map((value, i) => value - (expected[i] ?? NaN))) / square(expected));
}

/**
 * Largest allowed distance from fp32, twice the measured one. Random weights are the hardest case for rounding:
 * the few layers here lose more than a trained model does.
 */
const BOUNDS: Readonly<Record<Dtype, { readonly features: number; readonly logits: number }>> = {
  fp32: { features: 0, logits: 0 },
  fp16: { features: 2e-6, logits: 3e-6 }, // bf16 and f16 checkpoints of small weights: nearly nothing is rounded
  q8: { features: 0.033, logits: 0.11 },
  q4: { features: 0.62, logits: 1.07 },
  q4f16: { features: 0.62, logits: 1.07 },
};
/** Tolerance of the kernels for quantised weights against the same weights dequantised by ordinary operators. */
const KERNEL_BOUND = 1e-4;

describe.each(['nested-tied-bf16', 'flat-f16-sharded', 'head64-size-tied'])('%s', (checkpoint) => {
  let exact: Outputs;

  it.each(DTYPES)('as %s runs on a CPU, close to fp32', async (dtype) => {
    const folder = await convertTo(checkpoint, dtype);
    const variants = folder.manifest.variants.map((variant) => variant.name).filter((name) => name !== 'f16');
    expect(variants).toEqual(dtype.startsWith('q') ? ['f32', 'f32-unpacked'] : ['f32']);
    const outputs = await run(folder, 'f32');
    if (dtype === 'fp32') exact = outputs;
    expect(distance(outputs.features, exact.features)).toBeLessThanOrEqual(BOUNDS[dtype].features);
    expect(distance(outputs.logits, exact.logits)).toBeLessThanOrEqual(BOUNDS[dtype].logits);
    if (!variants.includes('f32-unpacked')) return;
    const unpacked = await run(folder, 'f32-unpacked');
    expect(distance(unpacked.features, outputs.features)).toBeLessThan(KERNEL_BOUND);
    expect(distance(unpacked.logits, outputs.logits)).toBeLessThan(KERNEL_BOUND);
  });

  it('never grows with fewer bits', async () => {
    const sizes: number[] = [];
    for (const dtype of ['fp32', 'fp16', 'q4f16'] as const) {
      const { manifest } = await convertTo(checkpoint, dtype);
      sizes.push(
        manifest.files.filter((file) => file.path.includes('.data')).reduce((sum, file) => sum + file.bytes, 0),
      );
    }
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
  });
});

describe('a converted folder', () => {
  it.each(['q4f16', 'q8'] as const)(
    'as %s has files of exactly the listed sizes and hashes, and no others',
    async (dtype) => {
      const { directory, manifest } = await convertTo('nested-tied-bf16', dtype);
      expect(readdirSync(directory).toSorted()).toEqual(
        [...manifest.files.map((file) => file.path), 'manifest.json'].toSorted(),
      );
      for (const { path, bytes, sha256 } of manifest.files) {
        const hash = createHash('sha256');
        let read = 0;
        for await (const chunk of createReadStream(join(directory, path)) as AsyncIterable<Buffer>) {
          hash.update(chunk);
          read += chunk.length;
        }
        expect([path, read, hash.digest('hex')]).toEqual([path, bytes, sha256]);
      }
      expect(await readManifest(nodeFolder(directory))).toEqual(manifest);
    },
  );

  it('is the same every time', async () => {
    const [one, two] = [await convertTo('nested-tied-bf16', 'q4f16'), await convertTo('nested-tied-bf16', 'q4f16')];
    expect(one.manifest).toEqual(two.manifest);
  });

  it('names its source, and can be given a name', async () => {
    const sink = new MemoryFolder();
    const source = nodeFolder(tinyCheckpoint('interleaved-f32'));
    const progress: number[] = [];
    const manifest = await convertCheckpoint(source, sink, {
      dtype: 'fp16',
      name: 'My model',
      onProgress: ({ phase, done, total }) => phase === 'weights' && progress.push(done / total),
    });
    expect([manifest.name, manifest.source, manifest.dtype]).toEqual(['My model', 'checkpoint', 'fp16']);
    expect(progress.at(-1)).toBe(1);
    expect(progress.every((share, i) => share >= (progress[i - 1] ?? 0))).toBe(true);
    expect(sink.created.at(-1)).toBe('manifest.json');
  });

  it('counts parameters as the checkpoint stores them', async () => {
    const manifest = await convertCheckpoint(nodeFolder(tinyCheckpoint('nested-tied-bf16')), new MemoryFolder(), {
      dtype: 'fp16',
    });
    const file = readFileSync(join(tinyCheckpoint('nested-tied-bf16'), 'model.safetensors'));
    const dataBytes = file.length - 8 - Number(file.readBigUInt64LE(0));
    expect(manifest.parameters).toBe(dataBytes / 2); // bf16
  });

  it('takes the image processor from processor_config.json, where newer transformers versions put it', async () => {
    const folder = checkpointCopy();
    const own = folder.files.get('preprocessor_config.json') ?? new Uint8Array();
    const settings: unknown = JSON.parse(new TextDecoder().decode(own));
    folder.files.delete('preprocessor_config.json');
    folder.set(
      'processor_config.json',
      JSON.stringify({ processor_class: 'Qwen2_5_VLProcessor', image_processor: settings }),
    );
    const sink = new MemoryFolder();
    await convertCheckpoint(folder, sink, { dtype: 'fp32' });
    expect(JSON.parse((await (await sink.blob('preprocessor_config.json'))?.text()) ?? '')).toEqual(settings);
  });

  it('has the prompts of the requested set when the checkpoint brings none', async () => {
    const source = checkpointCopy();
    source.files.delete('prompts.json');
    const sink = new MemoryFolder();
    await convertCheckpoint(source, sink, { dtype: 'fp16', prompts: 'efficient' });
    expect(sink.text('prompts.json')).toContain('resize_image');
    const folder = new MemoryFolder();
    await convertCheckpoint(source, folder, { dtype: 'fp16' });
    expect(folder.text('prompts.json')).not.toContain('resize_image');
  });
});

/** A golden checkpoint in memory, for tests to break. */
function checkpointCopy(name = 'interleaved-f32'): MemoryFolder {
  const folder = new MemoryFolder('the checkpoint');
  const directory = tinyCheckpoint(name);
  for (const file of readdirSync(directory))
    folder.files.set(file, new Uint8Array(readFileSync(join(directory, file))));
  return folder;
}

/** Changes the header of the checkpoint's one weights file. */
function editHeader(
  folder: MemoryFolder,
  change: (header: Record<string, { dtype: string; shape: number[] }>) => void,
): void {
  const bytes = folder.files.get('model.safetensors');
  if (bytes === undefined) throw new Error('the checkpoint has one weights file');
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; shape: number[] }
  >;
  change(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const out = new Uint8Array(8 + text.length + bytes.length - 8 - length);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  out.set(bytes.subarray(8 + length), 8 + text.length);
  folder.files.set('model.safetensors', out);
}

function editConfig(
  folder: MemoryFolder,
  change: (config: Record<string, unknown>) => void,
  file = 'config.json',
): void {
  const config = folder.json(file);
  change(config);
  folder.set(file, config);
}

const NORM = 'model.layers.0.input_layernorm.weight';

describe('a checkpoint that cannot be converted', () => {
  const cases: Readonly<
    Record<string, readonly [breakIt: (folder: MemoryFolder) => void, name: string, says: RegExp]>
  > = {
    'of another model': [
      (folder) =>
        editConfig(folder, (config) =>
          Object.assign(config, { model_type: 'llama', architectures: ['LlamaForCausalLM'] }),
        ),
      'CheckpointError',
      /llama/,
    ],
    'without config.json': [(folder) => folder.files.delete('config.json'), 'CheckpointError', /config\.json/],
    'without tokenizer.json': [(folder) => folder.files.delete('tokenizer.json'), 'CheckpointError', /tokenizer\.json/],
    'without weights': [(folder) => folder.files.delete('model.safetensors'), 'CheckpointError', /model\.safetensors/],
    'with a config.json that is not JSON': [
      (folder) => folder.set('config.json', '{"model_type": '),
      'CheckpointError',
      /config\.json/,
    ],
    'with a config.json that is a list': [
      (folder) => folder.set('config.json', '[]'),
      'CheckpointError',
      /config\.json/,
    ],
    'with a tokenizer.json that was cut': [
      (folder) => folder.set('tokenizer.json', '{"model": {'),
      'CheckpointError',
      /tokenizer\.json/,
    ],
    'with a tokenizer_config.json that was cut': [
      (folder) => folder.set('tokenizer_config.json', '{'),
      'CheckpointError',
      /tokenizer_config\.json/,
    ],
    'with a preprocessor_config.json that was cut': [
      (folder) => folder.set('preprocessor_config.json', '{'),
      'CheckpointError',
      /preprocessor_config\.json/,
    ],
    'with other patches than its image processor': [
      (folder) => editConfig(folder, (config) => (config['patch_size'] = 16), 'preprocessor_config.json'),
      'CheckpointError',
      /patch_size 16/,
    ],
    'with invalid prompts': [(folder) => folder.set('prompts.json', '{}'), 'ModelFolderError', /prompts\.json/],
    'that lacks a tensor': [(folder) => editHeader(folder, (header) => delete header[NORM]), 'SafetensorsError', /./],
    'with a tensor under another name': [
      (folder) =>
        editHeader(folder, (header) => {
          const entry = header[NORM];
          if (entry !== undefined) header['model.layers.0.norm.weight'] = entry;
          delete header[NORM];
        }),
      'CheckpointError',
      /input_layernorm\.weight.*missing/,
    ],
    'with a tensor of another shape': [
      (folder) =>
        editConfig(folder, (config) => Object.assign(config['text_config'] as object, { intermediate_size: 96 })),
      'CheckpointError',
      /mlp.*\[/,
    ],
    'with integers for weights': [
      (folder) =>
        editHeader(folder, (header) => {
          const entry = header[NORM];
          if (entry !== undefined) entry.dtype = 'I32';
        }),
      'CheckpointError',
      /I32/,
    ],
    'with a header that is not JSON': [
      (folder) => folder.files.get('model.safetensors')?.fill(0x7f, 8, 40),
      'SafetensorsError',
      /model\.safetensors/,
    ],
    'with a header longer than the file': [
      (folder) => folder.files.get('model.safetensors')?.fill(0xff, 0, 6),
      'SafetensorsError',
      /model\.safetensors/,
    ],
    'that was cut in the middle': [
      (folder) =>
        folder.files.set(
          'model.safetensors',
          folder.files.get('model.safetensors')?.slice(0, 50_000) ?? new Uint8Array(),
        ),
      'SafetensorsError',
      /model\.safetensors/,
    ],
    'whose weights file is empty': [
      (folder) => folder.files.set('model.safetensors', new Uint8Array()),
      'SafetensorsError',
      /model\.safetensors/,
    ],
  };

  it.each(Object.entries(cases))(
    '%s is refused with a named error, and nothing is written',
    async (_, [breakIt, name, says]) => {
      const folder = checkpointCopy();
      breakIt(folder);
      const sink = new MemoryFolder();
      await expect(convertCheckpoint(folder, sink, { dtype: 'q4f16' })).rejects.toMatchObject({
        name,
        message: expect.stringMatching(says),
      });
      expect(sink.created).toEqual([]);
    },
  );

  it.each([NaN, Infinity])('because a weight is %f leaves no manifest', async (bad) => {
    const folder = checkpointCopy();
    const bytes = folder.files.get('model.safetensors');
    if (bytes === undefined) throw new Error('the checkpoint has one weights file');
    new DataView(bytes.buffer).setFloat32(bytes.length - 400, bad, true);
    const sink = new MemoryFolder();
    await expect(convertCheckpoint(folder, sink, { dtype: 'q4f16' })).rejects.toMatchObject({
      name: 'CheckpointError',
    });
    expect(sink.created).not.toContain('manifest.json');
  });

  it.each([
    ['fp16', 1e6, 'fp32'],
    ['q8', 1e9, 'q4'],
    ['q4f16', 1e9, 'q4'],
  ] as const)('because f16 cannot hold a weight, or a scale of %s, says so and leaves no manifest', async (...row) => {
    const [dtype, weight, larger] = row;
    const folder = checkpointCopy();
    const bytes = folder.files.get('model.safetensors');
    if (bytes === undefined) throw new Error('the checkpoint has one weights file');
    const header = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const entries = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + header))) as Record<
      string,
      { data_offsets?: readonly [number, number] }
    >;
    const [start = NaN] =
      Object.entries(entries).find(([name]) => name.endsWith('q_proj.weight'))?.[1].data_offsets ?? [];
    new DataView(bytes.buffer).setFloat32(8 + header + start, weight, true);
    const sink = new MemoryFolder();
    await expect(convertCheckpoint(folder, sink, { dtype })).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(/holds (1000000|-\d+), float16 at most 65504.*dtype/),
    });
    expect(sink.created).not.toContain('manifest.json');
    await expect(convertCheckpoint(folder, new MemoryFolder(), { dtype: larger })).resolves.toBeDefined();
  });

  it('leaves no folder behind', async () => {
    const directory = join(mkdtempSync(join(tmpdir(), 'visionthink-convert-')), 'out');
    folders.push(join(directory, '..'));
    const folder = checkpointCopy();
    folder.files.delete('config.json');
    await expect(convertCheckpoint(folder, nodeFolder(directory), { dtype: 'fp16' })).rejects.toThrow('config.json');
    expect(existsSync(directory)).toBe(false);
  });
});
