/** Conversations on the page: memory, new chats, and settings in its address. */
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../src/protocol/chat.ts';
import type { AppState } from '../../src/store/app-state.ts';
import type { AppDeps } from '../../src/store/engine-session.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { halfOf, type ImageRequest } from '../../src/shared/image-request.ts';
import { browserDeps, createAppStore } from '../../src/store/app-store.ts';
import { settingsFrom } from '../../src/store/link-settings.ts';
import { fieldError, settingsOf } from '../../src/store/settings-form.ts';
import { compareObstacle } from '../../src/store/turn-slice.ts';
import { resultOf, type ScriptedEngine, scriptedEngine, settle } from './scripted-engine.ts';

const SAID: readonly ChatMessage[] = [
  {
    role: 'user',
    content: [
      { type: 'image', request: halfOf(0) },
      { type: 'text', text: 'How many?', trusted: false },
    ],
  },
  { role: 'assistant', content: [{ type: 'tokens', ids: [5, 2] }] },
];

/** A page with an image and a question, its model loaded. */
async function open(
  search = '',
  videoFrames: AppDeps['videoFrames'] = async (file) => [file],
): Promise<{ state: () => AppState; engine: ScriptedEngine; chats: number }> {
  const engine = scriptedEngine();
  const app = { chats: 0 };
  const newChat = async (): Promise<void> => {
    app.chats++;
  };
  const store = createAppStore({
    ...browserDeps(new URLSearchParams(search), 'http://page/'),
    startEngine: () => ({ ...engine.connection, api: { ...engine.connection.api, newChat } }),
    checkImage: async () => undefined,
    videoFrames,
    previewImage: async (file) => file,
    fetchFile: async () => new Blob(['[]']),
  });
  void store.getState().loadEngine();
  engine.finishLoad();
  await settle();
  await store.getState().chooseImage(new Blob(['pixels'], { type: 'image/png' }), 'a.png');
  return Object.assign(app, { state: store.getState, engine });
}

async function ask(state: () => AppState, question: string): Promise<void> {
  state().setQuestion(question);
  state().ask();
  await settle();
}

describe('memory', () => {
  it('is off at first: every question is asked alone', async () => {
    const { state, engine } = await open();
    await ask(state, 'How many?');
    engine.asks[0]?.resolve(resultOf({ messages: SAID }));
    await settle();
    await ask(state, 'And behind?');
    expect(engine.asks.map(({ chat }) => chat)).toEqual([undefined, undefined]);
  });

  it('gives a question the turns before it, and the image once', async () => {
    const { state, engine } = await open();
    state().setSwitch('memory', true);
    await ask(state, 'How many?');
    expect(engine.asks[0]?.chat).toEqual({ history: [], images: [0] });
    engine.asks[0]?.resolve(resultOf({ messages: SAID }));
    await settle();
    await ask(state, 'And behind?');
    expect(engine.asks[1]?.chat).toEqual({ history: SAID, images: [] });
    engine.asks[1]?.reject(new Error('It broke.'));
    await settle();
    await ask(state, 'Again?');
    expect(engine.asks[2]?.chat).toEqual({ history: SAID, images: [] });
  });

  it('ends with a new chat, and the engine gets the image again', async () => {
    const app = await open('memory=on');
    const { state, engine } = app;
    await ask(state, 'How many?');
    engine.asks[0]?.resolve(resultOf({ messages: SAID }));
    await settle();
    expect(engine.images).toHaveLength(1);
    await state().newChat();
    expect(app.chats).toBe(1);
    expect(state().turns).toEqual([]);
    expect(engine.images).toHaveLength(2);
    await ask(state, 'How many?');
    expect(engine.asks[1]?.chat).toEqual({ history: [], images: [0] });
  });

  it('ends a running turn for a new chat', async () => {
    const { state } = await open('memory=on');
    await ask(state, 'How many?');
    await state().newChat();
    expect(state().turns).toEqual([]);
  });
});

describe('a video', () => {
  it('is asked about with all its frames, in every question or once where it is remembered', async () => {
    const frame = new Blob(['frame'], { type: 'image/png' });
    const { state, engine } = await open('', async () => [frame, frame, frame]);
    await state().chooseImage(new Blob(['film'], { type: 'video/webm' }), 'film.webm');
    expect(state().image).toMatchObject({ name: 'film.webm', frames: [frame, frame] });
    expect(engine.images).toHaveLength(1 + 3);
    await ask(state, 'What happens?');
    engine.asks[0]?.resolve(resultOf({ messages: SAID }));
    await settle();
    await ask(state, 'And then?');
    engine.asks[1]?.resolve(resultOf({ messages: SAID }));
    await settle();
    state().setSwitch('memory', true);
    await ask(state, 'Why?');
    const images = [0, 1, 2];
    expect(engine.asks.map(({ chat }) => chat)).toEqual([
      { history: [], images },
      { history: [], images },
      { history: [...SAID, ...SAID], images: [] },
    ]);
  });

  it('that cannot be played leaves the picture before', async () => {
    const { state } = await open('', async () => {
      throw new NamedError('VideoError', 'The video cannot be played here.');
    });
    await state().chooseImage(new Blob(['film'], { type: 'video/webm' }), 'film.webm');
    expect(state().image?.name).toBe('a.png');
    expect(state().imageError).toMatchObject({ name: 'VideoError', fileName: 'film.webm' });
  });
});

describe('a region of the picture', () => {
  const region = { left: 10, top: 20, width: 100, height: 50 };
  const part = { image: 0, region };

  it('is asked about alone, or behind the whole picture, until it is cleared or another picture is chosen', async () => {
    const { state, engine } = await open();
    const askOnce = async (): Promise<void> => {
      await ask(state, 'What is here?');
      engine.asks.at(-1)?.resolve(resultOf({ messages: SAID }));
      await settle();
    };
    state().setRegion(region);
    await askOnce();
    state().setBesideWhole(true);
    await askOnce();
    state().setRegion(null);
    await askOnce();
    expect(engine.asks.map(({ chat }) => chat)).toEqual([
      { history: [], images: [part] },
      { history: [], images: [0, part] },
      undefined,
    ]);
    expect(state().turns.map((turn) => turn.part)).toEqual([
      { region, besideWhole: false },
      { region, besideWhole: true },
      null,
    ]);
    state().setRegion(region);
    await state().chooseImage(new Blob(['pixels'], { type: 'image/png' }), 'b.png');
    expect(state().region).toBeNull();
  });

  it('joins a conversation once, and the whole picture once', async () => {
    const { state, engine } = await open('memory=on');
    const shown = (...requests: readonly ImageRequest[]): readonly ChatMessage[] => [
      { role: 'user', content: requests.map((request) => ({ type: 'image', request })) },
    ];
    const askOnce = async (messages: readonly ChatMessage[]): Promise<unknown> => {
      await ask(state, 'What is here?');
      engine.asks.at(-1)?.resolve(resultOf({ messages }));
      await settle();
      return engine.asks.at(-1)?.chat?.images;
    };
    state().setRegion(region);
    expect(await askOnce(shown({ ...part, scale: 1 }))).toEqual([part]);
    expect(await askOnce([])).toEqual([]); // the region is in the conversation already
    state().setBesideWhole(true);
    expect(await askOnce(shown(halfOf(0)))).toEqual([0]);
    state().setRegion({ ...region, left: 0 });
    expect(await askOnce([])).toEqual([{ image: 0, region: { ...region, left: 0 } }]);
    state().setRegion(null);
    expect(await askOnce([])).toEqual([]);
  });

  it('waits with its question: one drawn meanwhile is for the next', async () => {
    const { state, engine } = await open();
    await ask(state, 'What is here?');
    state().setRegion(region);
    state().setQuestion('And here?');
    state().ask(); // refused: one question at a time
    engine.asks[0]?.resolve(resultOf({ messages: SAID }));
    await settle();
    expect(engine.asks.map(({ chat }) => chat)).toEqual([undefined]);
  });

  it('is compared beside the whole picture only: alone it looks the same in every mode', async () => {
    const { state } = await open();
    state().setQuestion('What is here?');
    state().setRegion(region);
    expect(compareObstacle(state())).toMatch(/whole picture/);
    state().compare();
    expect(state().comparison).toBeNull();
    state().setBesideWhole(true);
    expect(compareObstacle(state())).toBeNull();
  });
});

describe('settings in the address', () => {
  it('have the names of the command line', async () => {
    const search =
      'max-rounds=3&max-images=6&top-p=0.5&min-pixels=262144&max-pixels=4000000&max-new-tokens=64&temperature=0.7' +
      '&drop-oldest-images=on&mode=full';
    const { state } = await open(search);
    expect(settingsOf(state().form)).toEqual({
      downsample: false,
      tool: false,
      maxRounds: 3,
      maxImages: 6,
      topP: 0.5,
      minPixels: 262_144,
      pixelBudget: 4_000_000,
      maxNewTokens: 64,
      temperature: 0.7,
      dropOldestImages: true,
    });
  });

  it('show what is wrong with them', async () => {
    const { state } = await open('top-p=7&memory=maybe&mode=best&downsample=off');
    expect(settingsOf(state().form)).toBeNull();
    expect(fieldError(state().form, 'topP')).toMatch(/from 0 to 1/);
    expect(state().form).toMatchObject({ memory: false, downsample: false, tool: true });
  });

  it('are few: an address without them changes nothing', () => {
    expect(settingsFrom(new URLSearchParams('model=x&backend=wasm'))).toEqual({});
  });
});
