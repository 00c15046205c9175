/** Chats, several images, videos and the switches of `ask`, as a person gives them, on a tiny golden checkpoint. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readChatFile } from '../../src/cli/chat-file.ts';
import { cli, type Ended } from '../helpers/cli.ts';
import { GOLDEN_CONVERSATIONS, type GoldenConversation, goldenImage } from '../helpers/golden-conversations.ts';
import { tinyCheckpoint } from '../helpers/tiny-model.ts';

const IMAGES = fileURLToPath(new URL('../golden/images/', import.meta.url));
const NAME = 'interleaved-f32';
const ONE = goldenImage(`${NAME}/image1.png`);
const TWO = goldenImage(`${NAME}/image2.png`);
const work = mkdtempSync(join(tmpdir(), 'visionthink-chat-'));
const model = join(work, 'model');
let files = 0;

beforeAll(async () => {
  await cli('convert', tinyCheckpoint(NAME), model, '--dtype', 'fp32');
});
afterAll(() => rmSync(work, { recursive: true }));

/** Writes a chat's file and returns its path. */
function chatFile(chat: unknown): string {
  const path = join(work, `chat${files++}.json`);
  writeFileSync(path, typeof chat === 'string' ? chat : JSON.stringify(chat));
  return path;
}

/** Asks with the converted model. */
function ask(...args: readonly string[]): Promise<Ended> {
  return cli('ask', '--model', model, '--json', '--max-new-tokens', '32', ...args);
}

interface Round {
  readonly promptTokens: number;
  readonly tokenIds: readonly number[];
  readonly images: readonly {
    readonly image: number;
    readonly region: unknown;
    readonly imageSize: unknown;
    readonly visualTokens: number;
  }[];
}

function roundsOf({ json, stderr }: Ended): readonly Round[] {
  if (json === null || !('rounds' in json)) throw new Error(stderr);
  return json['rounds'] as readonly Round[];
}

/** A golden conversation as OpenAI writes it, its images by `urlOf`. */
function asChat({ messages }: GoldenConversation, urlOf: (path: string) => string): unknown {
  return {
    messages: messages.map(({ role, content }) => ({
      role,
      content: content.map((piece) => {
        if (typeof piece === 'string') return { type: 'text', text: piece };
        if ('said' in piece) throw new Error('a chat file has no ids');
        return { type: 'image_url', image_url: { url: urlOf(goldenImage(piece.image)) } };
      }),
    })),
  };
}

function dataUrl(path: string): string {
  return `data:image/png;base64,${readFileSync(path).toString('base64')}`;
}

const user = (content: unknown): unknown => ({ messages: [{ role: 'user', content }] });
const image = (url: unknown): unknown =>
  user([
    { type: 'image_url', image_url: { url } },
    { type: 'text', text: 'What?' },
  ]);

/** Files that are no chat, and what is said of them. */
const BAD_FILES: readonly (readonly [what: string, chat: unknown, says: RegExp])[] = [
  ['no messages', {}, /no "messages"/],
  ['an empty list', { messages: [] }, /no "messages"/],
  ['a message that is none', { messages: ['What?'] }, /messages\[0\] is no object/],
  [
    'an unknown role',
    { messages: [{ role: 'robot', content: 'x' }] },

    /messages\[0\]\.role is "robot".*system, user, assistant/,
  ],
  ['no role', { messages: [{ content: 'x' }] }, /role is missing/],
  [
    'no question last',
    {
      messages: [
        { role: 'user', content: 'x' },
        { role: 'assistant', content: 'y' },
      ],
    },

    /last message is the assistant's/,
  ],
  ['an empty question', user(' '), /empty/],
  ['content of another kind', user(7), /messages\[0\]\.content is 7/],
  ['a part of another kind', user([{ type: 'audio' }]), /content\[0\]\.type is "audio"/],
  ['a part without text', user([{ type: 'text' }]), /text is missing/],
  ['an image without a URL', image(undefined), /url is missing/],
  ['an image elsewhere', image('https://example.org/a.png'), /Nothing is fetched/],
  ['an image that is not there', image('nowhere.png'), /nowhere\.png: there is no such file/],
  ['a malformed data URL', image('data:image/png;base64,%%%'), /malformed/],
];

describe.concurrent('ask --chat', () => {
  const chats = GOLDEN_CONVERSATIONS.filter((golden) => golden.checkpoint === NAME && golden.case !== 'crops');

  it.each(chats.map((golden) => [golden.case, golden] as const))(
    'answers %s as transformers does',
    async (_, golden) => {
      const urls = [(path: string) => path, dataUrl];
      const ended = await Promise.all(
        urls.map((urlOf) => ask('--mode', 'full', '--chat', chatFile(asChat(golden, urlOf)))),
      );
      for (const rounds of ended.map(roundsOf)) {
        expect(rounds.map(({ tokenIds, promptTokens }) => [tokenIds, promptTokens])).toEqual([
          [golden.greedy_ids, golden.ids.length],
        ]);
      }
    },
  );

  it('takes paths relative to the file, and says what each round showed', async () => {
    mkdirSync(join(work, 'beside'));
    cpSync(ONE, join(work, 'beside/picture.png'));
    const path = join(work, 'beside/chat.json');
    const url = 'picture.png';
    const content = [
      { type: 'image_url', image_url: { url } },
      { type: 'text', text: 'What color is the star?' },
    ];
    writeFileSync(
      path,
      JSON.stringify({
        messages: [
          { role: 'user', content },
          { role: 'assistant', content: 'red' },
          { role: 'user', content },
        ],
      }),
    );
    const [round] = roundsOf(await ask('--chat', path, '--tool', 'off'));
    expect(round?.images).toEqual([
      { image: 0, region: null, scale: 0.5, imageSize: { width: 28, height: 168 }, visualTokens: 6 },
    ]);
    expect(round?.promptTokens).toBeGreaterThan(2 * 6);
  });

  it.each([
    ['no JSON', 'What?', 'ChatError', /is not JSON/],
    [
      'a data URL that is no image',
      image('data:text/plain,hello'),
      'ImageDecodeError',
      /messages\[0\]\.content\[0\] \(a data URL\): /,
    ],
    ['a text of a million characters', user('x y '.repeat(250_000)), 'QuestionError', /1000000 characters/],
    ['a damaged image', image(join(IMAGES, 'truncated.jpg')), 'ImageDecodeError', /truncated\.jpg: /],
  ] as const)('ends with a named error for %s', async (_, chat, name, says) => {
    const ended = await ask('--chat', chatFile(chat));
    expect(ended.json).toEqual({ error: { name, message: expect.stringMatching(says) } });
    expect(ended.code).toBe(1);
  });

  it('takes a file with a byte order mark, in UTF-8 and UTF-16, as programs on Windows write it', async () => {
    const json = `\ufeff${JSON.stringify(
      user([
        { type: 'image_url', image_url: { url: ONE } },
        { type: 'text', text: 'Größe?' },
      ]),
    )}`;
    const paths = (['utf8', 'utf16le'] as const).map((encoding) => {
      const path = chatFile('');
      writeFileSync(path, json, encoding);
      return path;
    });
    const bigEndian = chatFile('');
    writeFileSync(bigEndian, Buffer.from(json, 'utf16le').swap16());
    const ended = await Promise.all([...paths, bigEndian].map((path) => ask('--chat', path)));
    const [first, ...others] = ended.map((one) => roundsOf(one)[0]?.tokenIds);
    expect(first?.length).toBeGreaterThan(0);
    expect(others).toEqual([first, first]);
  });

  it('names the image that cannot be shown', async () => {
    const long = join(work, 'long.png');
    await sharp({ create: { width: 1, height: 5000, channels: 3, background: 'red' } }).toFile(long);
    const content = [ONE, long].map((url) => ({ type: 'image_url', image_url: { url } }));
    const asked = await Promise.all([
      ask('--chat', chatFile(user([...content, { type: 'text', text: 'What?' }]))),
      ask('--image', ONE, '--image', long, '--question', 'What?'),
    ]);
    const message: unknown = expect.stringMatching(/long\.png: .*aspect ratio/);
    for (const { json } of asked) expect(json).toEqual({ error: { name: 'ImageShapeError', message } });
  });

  it.each(BAD_FILES)('is refused by name for %s', async (_, chat, says) => {
    const reading = readChatFile(chatFile(chat));
    await expect(reading).rejects.toMatchObject({ name: 'ChatError', message: expect.stringMatching(says) });
  });

  it('refuses a file that is not there, and a question beside it', async () => {
    const chat = chatFile(user('What?'));
    const [missing, beside] = await Promise.all([
      ask('--chat', join(work, 'nowhere.json')),
      ask('--chat', chat, '--question', 'What?'),
    ]);
    expect(missing.json).toMatchObject({ error: { name: 'ChatError' } });
    expect(beside.json).toMatchObject({ error: { name: 'UsageError', message: expect.stringMatching(/--chat/) } });
  });

  it('says that a conversation is full, and leaves pictures out when it may', async () => {
    const shown = { type: 'image_url', image_url: { url: goldenImage('head64-size-tied/image1.png') } };
    const turn = [
      {
        role: 'user',
        content: [...new Array(20).fill(shown), { type: 'text', text: 'What shape is green? '.repeat(60) }],
      },
      { role: 'assistant', content: 'the star' },
    ];
    const chat = chatFile({ messages: [...turn, ...turn, ...turn, ...turn, { role: 'user', content: 'Why?' }] });
    const args = ['--mode', 'full', '--chat', chat];
    const [full, less] = await Promise.all([ask(...args), ask(...args, '--drop-oldest-images', 'on')]);
    expect(full.json).toMatchObject({
      error: { name: 'ContextLengthError', message: expect.stringMatching(/conversation is full.*drop-oldest-images/) },
    });
    expect(less.json).toMatchObject({ droppedImages: expect.any(Number) });
    expect(roundsOf(less)[0]?.promptTokens).toBeLessThanOrEqual(4096 - 32);
  });
});

describe.concurrent('ask', () => {
  it('shows several images and the frames of a video, in order', async () => {
    const frames = join(work, 'frames');
    mkdirSync(frames);
    for (let i = 0; i < 20; i++) {
      const color = { r: i * 10, g: 0, b: 0 };
      await sharp({ create: { width: 56 + i, height: 56, channels: 3, background: color } })
        .png()
        .toFile(join(frames, `frame${i}.png`));
    }
    const args = ['--question', 'What?', '--mode', 'full', '--max-images', '10'];
    const [images, video] = await Promise.all([
      ask('--image', ONE, `--image=${TWO}`, ...args),
      ask('--image', ONE, '--video', frames, ...args),
    ]);
    expect(roundsOf(images)[0]?.images.map((shown) => shown.image)).toEqual([0, 1]);
    // Frames 0, 2, 5, 8, 10, 13, 16 and 19: the wider, the later.
    expect(roundsOf(video)[0]?.images.map((shown) => shown.imageSize)).toEqual([
      expect.anything(),
      ...[56, 56, 56, 56, 56, 56, 84, 84].map((width) => ({ width, height: 56 })),
    ]);
  });

  it('shows a region alone or behind the whole picture, at its own resolution', async () => {
    const args = ['--image', ONE, '--image', TWO, '--question', 'What?', '--region', '4,8,32,64'];
    const [alone, beside] = await Promise.all([ask(...args), ask(...args, '--beside-whole')]);
    const shown = (ended: Ended) => roundsOf(ended)[0]?.images.map(({ image, region }) => [image, region]);
    const region = { left: 4, top: 8, width: 28, height: 56 };
    expect(shown(alone)).toEqual([
      [0, region],
      [1, null],
    ]);
    expect(shown(beside)).toEqual([
      [0, null],
      [0, region],
      [1, null],
    ]);
    expect(roundsOf(alone)[0]?.images[0]).toMatchObject({ scale: 1, imageSize: { width: 56, height: 84 } });
  });

  it('shows the frames of an animation', async () => {
    const pages = await Promise.all(
      [0, 100, 200].map((red) =>
        sharp({ create: { width: 60, height: 56, channels: 3, background: { r: red, g: 0, b: 0 } } })
          .raw()
          .toBuffer(),
      ),
    );
    const raw = { width: 60, height: 56 * 3, channels: 3, pageHeight: 56 } as const;
    const film = sharp(Buffer.concat(pages), { raw });
    await film
      .clone()
      .gif({ delay: [100, 100, 100] })
      .toFile(join(work, 'film.gif'));
    await film.clone().webp({ lossless: true }).toFile(join(work, 'film.webp'));
    const ended = await Promise.all(
      ['film.gif', 'film.webp'].map((file) =>
        ask('--video', join(work, file), '--question', 'What?', '--mode', 'full', '--max-images', '10'),
      ),
    );
    const ids = ended.map((one) => roundsOf(one)[0]?.tokenIds);
    expect(roundsOf(ended[0] ?? { code: 1, stdout: '', stderr: '', json: null })[0]?.images).toHaveLength(3);
    expect(ids[0]).toEqual(ids[1]);
  });

  it('names the frame that is damaged, and refuses an animation that was cut short', async () => {
    const raw = { width: 64, height: 64 * 4, channels: 3, pageHeight: 64 } as const;
    const noise = Buffer.from(
      Array.from({ length: 64 * 64 * 4 * 3 }, (_, i) => (Math.imul(i, 2_654_435_761) >>> 13) % 256),
    );
    const film = await sharp(noise, { raw })
      .gif({ delay: [100, 100, 100, 100] })
      .toBuffer();
    const cut = join(work, 'cut.gif');
    writeFileSync(cut, film.subarray(0, Math.floor(film.length * 0.6)));
    const damaged = join(work, 'damaged.gif');
    writeFileSync(
      damaged,
      film.map((byte, i) => (i > film.length * 0.5 && i < film.length * 0.55 ? 255 : byte)),
    );
    const folder = join(work, 'damaged');
    mkdirSync(folder);
    cpSync(ONE, join(folder, '1.png'));
    cpSync(join(IMAGES, 'truncated.jpg'), join(folder, '2.jpg'));
    const ended = await Promise.all([cut, damaged, folder].map((path) => ask('--video', path, '--question', 'What?')));
    expect(ended.map(({ json }) => json)).toEqual([
      { error: { name: 'VideoError', message: expect.stringMatching(/cut\.gif .*cut short/) } },
      {
        error: {
          name: 'VideoError',
          message: expect.stringMatching(/(Frame \d of .*damaged\.gif|damaged\.gif is no)/),
        },
      },
      { error: { name: 'ImageDecodeError', message: expect.stringMatching(/damaged\/2\.jpg: /) } },
    ]);
  });

  it('draws from the likeliest tokens only', async () => {
    const args = ['--image', ONE, '--question', 'What?', '--temperature', '2'];
    const [greedy, narrow, wide, again] = await Promise.all([
      ask('--image', ONE, '--question', 'What?'),
      ask(...args, '--top-p', '0', '--seed', '5'),
      ask(...args, '--top-p', '1', '--seed', '5'),
      ask(...args, '--top-p', '1', '--seed', '5'),
    ]);
    const ids = (ended: Ended) => roundsOf(ended)[0]?.tokenIds;
    expect(ids(narrow)).toEqual(ids(greedy));
    expect(ids(wide)).not.toEqual(ids(greedy));
    expect(ids(again)).toEqual(ids(wide));
  });

  it('scales small images up to the least pixels', async () => {
    const [plain, lifted] = await Promise.all([
      ask('--image', ONE, '--question', 'What?', '--mode', 'full'),
      ask('--image', ONE, '--question', 'What?', '--mode', 'full', '--min-pixels', '60000'),
    ]);
    const tokens = (ended: Ended) => roundsOf(ended)[0]?.images[0]?.visualTokens ?? 0;
    expect(tokens(lifted)).toBeGreaterThan(3 * tokens(plain));
  });

  it.each([
    ['no video', ['--video', 'nowhere.mp4', '--question', 'x'], 'VideoError', /nowhere\.mp4/],
    ['a still image as a video', ['--video', ONE, '--question', 'x'], 'VideoError', /ffmpeg/],
    [
      'a video that Node cannot decode',
      ['--video', fileURLToPath(import.meta.url), '--question', 'x'],
      'VideoError',
      /folder/,
    ],
    ['an empty folder', ['--video', model, '--question', 'x'], 'VideoError', /holds no images/],
    [
      'too many images',
      ['--image', ONE, '--image', TWO, '--max-images', '1', '--question', 'x'],
      'QuestionError',
      /2 images, the limit is 1/,
    ],
    ['a region of three', ['--image', ONE, '--question', 'x', '--region', '1,2,3'], 'UsageError', /x1,y1,x2,y2/],
    ['a region of words', ['--image', ONE, '--question', 'x', '--region', 'a,b,c,d'], 'UsageError', /"a,b,c,d"/],
    ['a region turned around', ['--image', ONE, '--question', 'x', '--region', '9,9,1,1'], 'UsageError', /x1 below x2/],
    ['a huge region', ['--image', ONE, '--question', 'x', '--region', '0,0,9e9,9'], 'UsageError', /--region/],
    [
      'a region beyond the picture',
      ['--image', ONE, '--question', 'x', '--region', '0,0,9999,9'],
      'ImageRegionError',
      /9999 x 9/,
    ],
    ['nothing beside the whole', ['--image', ONE, '--question', 'x', '--beside-whole'], 'UsageError', /--region/],
    ['a share above 1', ['--image', ONE, '--question', 'x', '--top-p', '1.5'], 'UsageError', /--top-p.*from 0 to 1/],
    ['no images at all', ['--image', ONE, '--question', 'x', '--max-images', '0'], 'UsageError', /--max-images/],
    [
      'an unknown switch',
      ['--image', ONE, '--question', 'x', '--drop-oldest-images', 'yes'],
      'UsageError',
      /on or off/,
    ],
  ] as const)('ends with a named error for %s', async (_, args, name, says) => {
    const ended = await ask(...args);
    expect(ended.json).toEqual({ error: { name, message: expect.stringMatching(says) } });
  });
});
