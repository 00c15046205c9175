/** The store through a session: loading, choosing, asking, stopping, comparing, failing. */
import { describe, expect, it } from 'vitest';
import type { AppState } from '../../src/store/app-state.ts';
import { createAppStore } from '../../src/store/app-store.ts';
import { askObstacle, isBusy } from '../../src/store/turn-slice.ts';
import type { AppDeps } from '../../src/store/engine-session.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { IMAGE_INFO, resultOf, scriptedEngine, settle } from './scripted-engine.ts';
import type { ScriptedEngine } from './scripted-engine.ts';

const picture = (): Blob => new Blob(['pixels'], { type: 'image/png' });
const letter = (): Blob => new Blob(['words'], { type: 'text/plain' });

function open(changes: Partial<AppDeps> = {}) {
  const engines: ScriptedEngine[] = [];
  const store = createAppStore({
    startEngine: () => {
      const engine = scriptedEngine();
      engines.push(engine);
      return engine.connection;
    },
    checkImage: async (file) => {
      if (file.type === 'text/plain') throw new NamedError('ImageDecodeError', 'Not an image.');
    },
    previewImage: async (file) => file,
    videoFrames: async (file) => [picture(), picture(), file],
    rasterizeSvg: async () => new Blob(['rasterised'], { type: 'image/png' }),
    fetchFile: async () => picture(),
    pageUrl: 'http://page/',
    ...changes,
  });
  const state = (): AppState => store.getState();
  const engine = (): ScriptedEngine => {
    const last = engines.at(-1);
    if (last === undefined) throw new Error('no engine was started');
    return last;
  };
  return { state, engine, engines };
}

async function openReady(changes: Partial<AppDeps> = {}) {
  const app = open(changes);
  void app.state().loadEngine();
  app.engine().finishLoad();
  await settle();
  await app.state().chooseImage(picture(), 'a.png');
  app.state().setQuestion('How many?');
  return app;
}

describe('choosing an image', () => {
  it('shows its size and cost when the engine is ready', async () => {
    const { state } = await openReady();
    expect(state().image).toMatchObject({ name: 'a.png', info: IMAGE_INFO });
  });

  it('works while the model loads, and the engine gets the image later', async () => {
    const { state, engine } = open();
    void state().loadEngine();
    await state().chooseImage(picture(), 'a.png');
    expect(state().image).toMatchObject({ name: 'a.png', info: null });
    engine().finishLoad();
    await settle();
    expect(engine().images).toHaveLength(1);
    expect(state().image?.info).toEqual(IMAGE_INFO);
  });

  it('shows its cost within the pixel budget', async () => {
    const { state } = await openReady();
    state().setField('pixelBudget', '100000');
    await settle();
    expect(state().image?.info).toMatchObject({ halfTokens: 16, fullTokens: 64 });
    await state().chooseImage(picture(), 'b.png');
    await settle();
    expect(state().image?.info).toMatchObject({ halfTokens: 16, fullTokens: 64 });
    state().setField('pixelBudget', '');
    await settle();
    expect(state().image?.info).toEqual(IMAGE_INFO);
  });

  it('keeps image, question and answers when the new file is not an image', async () => {
    const { state, engine } = await openReady();
    state().ask();
    await settle();
    engine().asks[0]?.resolve(resultOf({}));
    await settle();
    await state().chooseImage(letter(), 'letter.txt');
    expect(state().imageError).toMatchObject({ fileName: 'letter.txt', name: 'ImageDecodeError' });
    expect(state().image?.name).toBe('a.png');
    expect(state().question).toBe('How many?');
    expect(state().turns).toHaveLength(1);
    expect(state().imagePending).toBeNull();
  });

  it('keeps only the last of two hasty choices', async () => {
    const { state, engine } = await openReady();
    await Promise.all([state().chooseImage(picture(), 'b.png'), state().chooseImage(picture(), 'c.png')]);
    expect(state().image?.name).toBe('c.png');
    expect(engine().images).toHaveLength(2);
  });

  it('takes the first of several files, and says that the others were left out', async () => {
    const { state } = await openReady();
    const file = (name: string, type: string): File => new File(['-'], name, { type });
    await state().chooseImageOf(
      [file('notes.txt', 'text/plain'), file('b.png', 'image/png'), file('c.png', 'image/png')],
      '',
    );
    expect(state().image?.name).toBe('b.png');
    expect(state().filesLeftOut).toBe(2);
    await state().chooseImageOf([new File(['-'], '', { type: 'image/png' })], 'Pasted image');
    expect(state().image?.name).toBe('Pasted image');
    expect(state().filesLeftOut).toBe(0);
    await state().chooseImageOf([], 'What was dropped');
    expect(state().imageError?.message).toMatch(/no file/);
  });

  it('blocks questions while it is being opened', async () => {
    const { state } = await openReady();
    const opening = state().chooseImage(picture(), 'b.png');
    expect(askObstacle(state())).toMatch(/Opening/);
    await opening;
    expect(askObstacle(state())).toBeNull();
  });

  it('rasterises SVG files first', async () => {
    const { state, engine } = await openReady();
    await state().chooseImage(new Blob(['<svg/>'], { type: 'image/svg+xml' }), 'drawing.svg');
    expect(await engine().images.at(-1)?.text()).toBe('rasterised');
    await state().chooseImage(new Blob(['<?xml version="1.0"?><svg/>'], { type: 'image/png' }), 'drawing.png');
    expect(await engine().images.at(-1)?.text()).toBe('rasterised');
    expect(engine().images).toHaveLength(3);
  });

  it('is withdrawn, with the question that waits for it, if the engine refuses it once ready', async () => {
    const { state, engine } = open();
    void state().loadEngine();
    await state().chooseImage(new Blob(['-'], { type: 'image/x-thin' }), 'thin.png');
    expect(state().image?.name).toBe('thin.png');
    state().setQuestion('How many?');
    state().ask();
    engine().finishLoad();
    await settle();
    expect(state().imageError).toMatchObject({ fileName: 'thin.png', name: 'ImageShapeError' });
    expect(state().image).toBeNull();
    expect(state().turns[0]).toMatchObject({ status: 'failed', error: { name: 'ImageDecodeError' } });
    expect(engine().asks).toHaveLength(0);
    expect(askObstacle(state())).toBe('Choose an image first.');
  });

  it('stops nothing when the new file is not an image', async () => {
    const { state, engine } = await openReady();
    state().ask();
    await settle();
    await state().chooseImage(letter(), 'letter.txt');
    expect(state().imageError).toMatchObject({ fileName: 'letter.txt' });
    expect(state().turns[0]?.status).toBe('running');
    expect(engine().asks).toHaveLength(1);
  });

  it('while an example is fetched keeps that image and its question', async () => {
    let arrive: (file: Blob) => void = () => undefined;
    const { state } = await openReady({ fetchFile: () => new Promise((resolve) => (arrive = resolve)) });
    const opening = state().chooseExample({ file: 'p.png', title: 'Poster', questions: ['When?'], note: '' });
    expect(state().imagePending).toBe('Poster');
    await state().chooseImage(picture(), 'mine.png');
    arrive(picture());
    await opening;
    expect(state().image?.name).toBe('mine.png');
    expect(state().question).toBe('How many?');
    expect(state().imagePending).toBeNull();
  });

  it('of an unusable example brings no question, even where the current image has that name', async () => {
    let file = picture();
    const { state } = await openReady({ fetchFile: async () => file });
    const example = { file: 'p.png', title: 'Poster', questions: ['When?'], note: '' };
    await state().chooseExample(example);
    state().setQuestion('Where?');
    file = letter();
    await state().chooseExample(example);
    expect(state().imageError?.fileName).toBe('Poster');
    expect(state().question).toBe('Where?');
  });

  it('of an example brings its question, unless one was typed meanwhile', async () => {
    const { state } = await openReady({ fetchFile: async () => picture() });
    const example = { file: 'p.png', title: 'Poster', questions: ['When?'], note: '' };
    await state().chooseExample(example);
    expect(state().question).toBe('When?');
    const opening = state().chooseExample(example);
    state().setQuestion('Where?');
    await opening;
    expect(state().question).toBe('Where?');
  });

  it('ends the running turn and starts a new history', async () => {
    const { state } = await openReady();
    state().ask();
    await settle();
    await state().chooseImage(picture(), 'b.png');
    expect(state().turns).toEqual([]);
    expect(isBusy(state())).toBe(false);
  });
});

describe('asking', () => {
  it('names the obstacle', async () => {
    const { state } = open();
    expect(askObstacle(state())).toMatch(/image/);
    const ready = await openReady();
    expect(askObstacle(ready.state())).toBeNull();
    ready.state().setQuestion('  ');
    expect(askObstacle(ready.state())).toMatch(/question/);
    ready.state().setQuestion('How many?');
    ready.state().setField('maxNewTokens', 'many');
    expect(askObstacle(ready.state())).toMatch(/setting/);
  });

  it('waits for the model and then runs by itself', async () => {
    const { state, engine } = open();
    void state().loadEngine();
    await state().chooseImage(picture(), 'a.png');
    state().setQuestion('How many?');
    state().ask();
    expect(state().turns[0]?.status).toBe('queued');
    engine().finishLoad();
    await settle();
    expect(engine().asks).toHaveLength(1);
    expect(state().turns[0]?.status).toBe('running');
  });

  it('fails a waiting question when the model cannot be loaded', async () => {
    const { state, engine } = open();
    void state().loadEngine();
    await state().chooseImage(picture(), 'a.png');
    state().setQuestion('How many?');
    state().ask();
    engine().finishLoad(new NamedError('ModelFolderError', 'A file is missing.'));
    await settle();
    expect(state().engine).toMatchObject({ status: 'failed', error: { message: 'A file is missing.' } });
    expect(state().turns[0]).toMatchObject({ status: 'failed', error: { name: 'ModelNotLoadedError' } });
  });

  it('runs one question at a time', async () => {
    const { state, engine } = await openReady();
    state().ask();
    state().ask();
    state().compare();
    await settle();
    expect(engine().asks).toHaveLength(1);
    expect(state().turns).toHaveLength(1);
    expect(state().comparison).toBeNull();
  });

  it('keeps what was said when the engine throws', async () => {
    const { state, engine } = await openReady();
    state().ask();
    await settle();
    engine().asks[0]?.emit({ type: 'text', round: 1, kind: 'thinking', delta: 'Hm.' });
    engine().asks[0]?.reject(new NamedError('ContextLengthError', 'Too long.'));
    await settle();
    expect(state().turns[0]).toMatchObject({ status: 'failed', error: { message: 'Too long.' } });
    expect(state().turns[0]?.rounds[0]?.streamed.thinking).toBe('Hm.');
    expect(askObstacle(state())).toBeNull();
  });
});

describe('stopping', () => {
  it('ends a running turn and leaves the engine usable', async () => {
    const { state, engine } = await openReady();
    state().ask();
    await settle();
    await state().stop();
    expect(state().turns[0]?.result?.finishReason).toBe('stopped');
    expect(state().stopping).toBe(false);
    state().ask();
    await settle();
    expect(engine().asks).toHaveLength(2);
  });

  it('withdraws a waiting question', async () => {
    const { state, engine } = open();
    void state().loadEngine();
    await state().chooseImage(picture(), 'a.png');
    state().setQuestion('How many?');
    state().ask();
    await state().stop();
    engine().finishLoad();
    await settle();
    expect(state().turns[0]?.status).toBe('skipped');
    expect(engine().asks).toHaveLength(0);
  });
});

describe('comparing', () => {
  it('asks in smart, half and full mode, one after another', async () => {
    const { state, engine } = await openReady();
    state().compare();
    for (let row = 0; row < 3; row += 1) {
      await settle();
      expect(engine().asks).toHaveLength(row + 1);
      engine().asks[row]?.resolve(resultOf({ answer: `answer ${row}` }));
    }
    await settle();
    const switches = engine().asks.map(({ settings }) => [settings.downsample, settings.tool]);
    expect(switches).toEqual([
      [true, true],
      [true, false],
      [false, false],
    ]);
    expect(state().comparison?.map((turn) => turn.result?.answer)).toEqual(['answer 0', 'answer 1', 'answer 2']);
    expect(isBusy(state())).toBe(false);
  });

  it('keeps the finished rows when it is stopped', async () => {
    const { state, engine } = await openReady();
    state().compare();
    await settle();
    engine().asks[0]?.resolve(resultOf({ answer: 'kept' }));
    await settle();
    await state().stop();
    expect(state().comparison?.map((turn) => turn.status)).toEqual(['done', 'done', 'skipped']);
    expect(state().comparison?.[0]?.result?.answer).toBe('kept');
    expect(engine().asks).toHaveLength(2);
  });
});

describe('another model', () => {
  it('does not run the rest of a comparison', async () => {
    const { state, engine } = await openReady();
    state().compare();
    await settle();
    state().selectModel({ kind: 'stored', key: 'k', name: 'other' });
    engine().finishLoad();
    await settle();
    expect(
      state()
        .comparison?.map(({ status }) => status)
        .slice(1),
    ).toEqual(['skipped', 'skipped']);
    expect(engine().asks).toHaveLength(0);
  });
});

describe('a broken engine', () => {
  it('is replaced after a crash, and gets the image again', async () => {
    const { state, engine, engines } = await openReady();
    state().ask();
    await settle();
    engine().crash();
    await settle();
    expect(state().turns[0]?.status).toBe('failed');
    expect(engines).toHaveLength(2);
    expect(engines[0]?.isDisposed()).toBe(true);
    engine().finishLoad();
    await settle();
    expect(engine().images).toHaveLength(1);
    expect(state().image?.name).toBe('a.png');
    expect(state().engineNotice).toMatch(/again/);
    state().ask();
    await settle();
    expect(engine().asks).toHaveLength(1);
  });

  it.each(['DeviceLostError', 'RuntimeCrashedError'] as const)('is replaced after a %s, too', async (name) => {
    const { state, engine, engines } = await openReady();
    state().ask();
    await settle();
    engine().asks[0]?.reject(new NamedError(name, 'It went away.'));
    await settle();
    expect(state().turns[0]).toMatchObject({ status: 'failed', error: { name } });
    expect(engines).toHaveLength(2);
    expect(state().engineNotice).toContain('It went away.');
  });

  it('is not replaced endlessly: an immediate second failure waits for the user', async () => {
    const { state, engine, engines } = await openReady();
    state().recoverEngine({ name: 'DeviceLostError', message: 'The GPU went away.' });
    engine().finishLoad();
    await settle();
    state().recoverEngine({ name: 'DeviceLostError', message: 'The GPU went away.' });
    expect(state().engine).toMatchObject({ status: 'failed' });
    expect(engines).toHaveLength(2);
    void state().loadEngine();
    engine().finishLoad();
    await settle();
    expect(state().engine.status).toBe('ready');
  });
});
