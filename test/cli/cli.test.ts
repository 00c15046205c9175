/** The command-line tools as a person starts them, on a tiny golden checkpoint. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, type Ended } from '../helpers/cli.ts';
import { readGolden, tinyCheckpoint, tinyImage } from '../helpers/tiny-model.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const IMAGES = join(ROOT, 'test/golden/images');
const NAME = 'head64-size-tied';
const NEW_TOKENS = 64;
const golden = readGolden(NAME);
const work = mkdtempSync(join(tmpdir(), 'visionthink-cli-'));
const model = join(work, 'model');

const [first] = golden.cases;
if (first === undefined) throw new Error('there is a golden case');
const IMAGE = tinyImage(NAME, first);

/** Asks the golden question with the converted model. */
function ask(...args: readonly string[]): Promise<Ended> {
  return cli(
    'ask',
    '--model',
    model,
    '--image',
    IMAGE,
    '--question',
    first?.question ?? '',
    '--max-new-tokens',
    String(NEW_TOKENS),
    ...args,
  );
}

interface Round {
  readonly resolution: string;
  readonly promptTokens: number;
  readonly computedTokens: number;
  readonly tokenIds: readonly number[];
  readonly text: string;
  readonly toolCall: unknown;
}

function roundsOf({ json }: Ended): readonly Round[] {
  return (json?.['rounds'] ?? []) as readonly Round[];
}

let converted: Ended;
beforeAll(async () => {
  converted = await cli('convert', tinyCheckpoint(NAME), model, '--dtype', 'fp32', '--json');
});
afterAll(() => rmSync(work, { recursive: true }));

describe.concurrent('convert', () => {
  it('refuses to write into the checkpoint', async () => {
    const checkpoint = join(work, 'checkpoint');
    cpSync(tinyCheckpoint(NAME), checkpoint, { recursive: true });
    const { code, json } = await cli('convert', checkpoint, checkpoint, '--json');
    expect([code, json]).toMatchObject([1, { error: { name: 'UsageError' } }]);
    expect(existsSync(join(checkpoint, 'manifest.json'))).toBe(false);
  });

  it('removes every file of an earlier model folder', async () => {
    const out = join(work, 'twice');
    await cli('convert', tinyCheckpoint(NAME), out, '--dtype', 'q4f16');
    await cli('convert', tinyCheckpoint(NAME), out, '--dtype', 'fp32');
    const { files } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as { files: { path: string }[] };
    expect(readdirSync(out).toSorted()).toEqual([...files.map(({ path }) => path), 'manifest.json'].toSorted());
  });

  it('writes a folder with a manifest, and says what it wrote', () => {
    expect([converted.code, converted.stderr.includes('Error')]).toEqual([0, false]);
    const numbers = {
      files: expect.any(Number),
      bytes: expect.any(Number),
      parameters: expect.any(Number),
      seconds: expect.any(Number),
    };
    expect(converted.json).toEqual({ out: model, name: 'checkpoint', dtype: 'fp32', ...numbers });
    expect(existsSync(join(model, 'manifest.json'))).toBe(true);
  });

  it.each([
    ['no checkpoint', [join(work, 'nowhere'), join(work, 'out')], 'UsageError'],
    ['an unknown dtype', [tinyCheckpoint(NAME), join(work, 'out'), '--dtype', 'q5'], 'UsageError'],
    ['a folder without a checkpoint', [IMAGES, join(work, 'out')], 'CheckpointError'],
  ])('ends with a named error for %s, and writes nothing', async (_, args, name) => {
    const ended = await cli('convert', ...args, '--json');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`${name}: `);
    expect(ended.json).toEqual({ error: { name, message: expect.any(String) } });
    expect(existsSync(join(work, 'out'))).toBe(false);
  });
});

describe.concurrent('ask', () => {
  it('prints one JSON object with the promised fields as the last line', async () => {
    const { code, json, stdout } = await ask('--json');
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(json).toEqual({
      answer: expect.any(String),
      finishReason: 'length',
      rounds: [
        {
          resolution: 'half',
          imageSize: { width: first.half.resized[0], height: first.half.resized[1] },
          images: [
            {
              image: 0,
              region: null,
              scale: 0.5,
              imageSize: { width: first.half.resized[0], height: first.half.resized[1] },
              visualTokens: first.half.tokens,
            },
          ],
          visualTokens: first.half.tokens,
          promptTokens: first.round1.ids.length,
          computedTokens: first.round1.ids.length,
          draftedTokens: expect.any(Number),
          acceptedTokens: expect.any(Number),
          tokenIds: first.round1.greedy_ids,
          text: expect.any(String),
          toolCall: null,
          timings: {
            preprocessMs: expect.any(Number),
            encodeMs: expect.any(Number),
            prefillMs: expect.any(Number),
            decodeMs: expect.any(Number),
          },
        },
      ],
      visualTokens: { used: first.half.tokens, full: first.full.tokens, ratio: first.half.tokens / first.full.tokens },
      marks: [],
    });
  });

  it('continues from a forced round 1 as the reference does', async () => {
    const { code, json, ...rest } = await ask('--json', '--force-round-1', first.round2.forced_text);
    expect(code).toBe(0);
    const rounds = roundsOf({ code, json, ...rest });
    expect(rounds.map((round) => round.resolution)).toEqual(['half', 'full']);
    expect(rounds[0]?.tokenIds).toEqual(first.round2.forced_ids);
    expect(rounds[0]?.toolCall).toEqual({ valid: true });
    expect(rounds[1]?.promptTokens).toBe(first.round2.ids.length);
    expect(rounds[1]?.computedTokens).toBe(
      first.round2.ids.length - (first.round1.ids.length + first.round2.forced_ids.length - 1),
    );
    expect(rounds[1]?.tokenIds).toEqual(first.round2.greedy_ids);
    const used = first.half.tokens + first.full.tokens;
    expect(json?.['visualTokens']).toEqual({ used, full: first.full.tokens, ratio: used / first.full.tokens });
  });

  it.each([
    [['--mode', 'full'], 'full'],
    [['--downsample', 'off', '--tool', 'on'], 'full'],
    [['--tool', 'none'], 'half'],
    [['--tool', 'adaptvision'], 'half'],
    [['--tool', 'deepeyes'], 'full'],
    [['--mode', 'full', '--downsample', 'on', '--tool', 'off'], 'half'],
  ])('with %j starts at %s resolution', async (args, resolution) => {
    const ended = await ask('--json', '--max-new-tokens', '2', ...args);
    expect(ended.code).toBe(0);
    expect(roundsOf(ended).map((round) => [round.resolution, round.tokenIds.length])).toEqual([[resolution, 2]]);
  });

  it('refuses a call when the tool is off', async () => {
    const ended = await ask('--json', '--tool', 'off', '--force-round-1', first.round2.forced_text);
    expect(ended.json?.['finishReason']).toBe('toolCallRefused');
    expect(roundsOf(ended)).toHaveLength(1);
  });

  it('follows no call when there is one round only', async () => {
    const ended = await ask('--json', '--max-rounds', '1', '--force-round-1', first.round2.forced_text);
    expect(ended.json?.['finishReason']).toBe('toolCallRefused');
    expect(roundsOf(ended)).toHaveLength(1);
  });

  it('is repeatable with a seed', async () => {
    const args = ['--json', '--temperature', '1.5', '--seed', '11', '--max-new-tokens', '12'];
    const [one, two] = await Promise.all([ask(...args), ask(...args)]);
    expect(roundsOf(one)[0]?.tokenIds).toHaveLength(12);
    expect(roundsOf(two)[0]?.tokenIds).toEqual(roundsOf(one)[0]?.tokenIds);
  });

  it('prints text for people when it is not asked for JSON', async () => {
    const { code, stdout, json } = await ask('--max-new-tokens', '3');
    expect([code, json]).toEqual([0, null]);
    expect(stdout).toMatch(/round 1: half/);
    expect(stdout).toMatch(/Answer: /);
  });

  it.each([
    ['an unknown mode', ['--mode', 'best'], 'UsageError', /--mode/],
    ['an unknown tool', ['--tool', 'hammer'], 'UsageError', /auto, none or one of: resize, adaptvision/],
    ['no new tokens', ['--max-new-tokens', '0'], 'UsageError', /--max-new-tokens/],
    ['no rounds', ['--max-rounds', '0'], 'UsageError', /--max-rounds/],
    ['an image that is not there', ['--image', 'nowhere.png'], 'UsageError', /nowhere\.png/],
    ['a truncated image', ['--image', join(IMAGES, 'truncated.jpg')], 'ImageDecodeError', /./],
    ['a huge image', ['--image', join(IMAGES, 'huge.png')], 'ImageTooLargeError', /\d/],
    ['an empty question', ['--question', ' '], 'QuestionError', /question/i],
    ['a folder without a model', ['--model', IMAGES], 'ModelFolderError', /manifest\.json/],
    ['an argument that does not exist', ['--max-tokens', '4'], 'UsageError', /--max-tokens/],
    ['words outside quotes', ['--question', 'What', 'is', 'it'], 'UsageError', /quotes/],
  ])('ends with a named error for %s', async (_, args, name, says) => {
    const ended = await ask('--json', ...args);
    expect([
      ended.code,
      ended.stderr
        .split('\n')
        .find((line) => /^\w+Error: /.test(line))
        ?.split(':')[0],
    ]).toEqual([1, name]);
    expect(ended.json).toEqual({ error: { name, message: expect.stringMatching(says) } });
  });

  it('ends with exit code 1 when the question or the image is missing', async () => {
    const [noQuestion, noImage] = await Promise.all([
      cli('ask', '--model', model, '--image', IMAGE, '--json'),
      cli('ask', '--model', model, '--question', 'Why?', '--json'),
    ]);
    expect([noQuestion.code, noImage.code]).toEqual([1, 1]);
    expect(noQuestion.json).toEqual({ error: { name: 'UsageError', message: expect.stringMatching(/question/) } });
    expect(noImage.json).toEqual({ error: { name: 'UsageError', message: expect.stringMatching(/image/) } });
  });
});

describe('check-answers', () => {
  it('finds what transformers answers in all 24 golden questions of the bundled model, word for word', async () => {
    const { code, json } = await cli('check-answers', join(ROOT, 'test/golden/nano'), '--json');
    expect(code).toBe(0);
    expect(json).toMatchObject({
      questions: 24,
      right: 24,
      calls: 8,
      withReference: 24,
      identical: 24,
      recomputedTokens: 0,
    });
  });
});

describe('compare-models', () => {
  it('finds no distance between a model and itself, and says how many answers are right', async () => {
    const bundled = join(ROOT, 'public/models/visionthink-nano');
    const testset = join(ROOT, 'test/golden/nano');
    const { code, json } = await cli(
      'compare-models',
      testset,
      bundled,
      '--models',
      bundled,
      '--answers',
      '--limit',
      '3',
      '--json',
    );
    expect(code).toBe(0);
    const same = { divergence: 0, oneMinusCosine: 0, sameTop: 1, featureError: 0 };
    expect(json).toEqual([
      { model: bundled, megabytes: expect.any(Number), questions: 3, right: 3 },
      {
        model: bundled,
        megabytes: expect.any(Number),
        right: 3,
        won: 0,
        lost: 0,
        positions: expect.any(Number),
        ...same,
      },
    ]);
  });

  it('ends with a named error for a folder without a model', async () => {
    const { code, json } = await cli(
      'compare-models',
      join(ROOT, 'test/golden/nano'),
      IMAGES,
      '--models',
      IMAGES,
      '--json',
    );
    expect([code, json]).toMatchObject([1, { error: { name: 'ModelFolderError' } }]);
  });
});
