/** The Models screen's store over a scripted library: progress, and jobs that end early. */
import { describe, expect, it } from 'vitest';
import type { LibraryConnection } from '../../src/client/library-client.ts';
import type { Finding, LibraryApi, ModelProgress, ModelSurvey, StoredModel } from '../../src/protocol/library-api.ts';
import { NamedError } from '../../src/shared/errors.ts';
import { createAppStore } from '../../src/store/app-store.ts';
import { createModelsStore } from '../../src/store/models-store.ts';
import { scriptedEngine, settle } from './scripted-engine.ts';

const MODEL: StoredModel = {
  key: 'k',
  name: 'a model',
  dtype: 'q4f16',
  origin: { kind: 'hub', id: 'a/b', revision: 'main', commit: 'c', endpoint: 'http://hub' },
  bytes: 5,
  totalBytes: 10,
  state: { kind: 'partial', done: 1, total: 2 },
  use: 'free',
};

const FINE = { verdict: 'yes', text: 'Fine.' } as const;
const STORAGE = { usedBytes: 0, freeBytes: 1e9, mayBeMore: false, persisted: true };

const SURVEY: ModelSurvey = {
  name: 'a model',
  origin: MODEL.origin,
  kind: 'checkpoint',
  parameters: 1,
  downloadBytes: 100,
  readBytes: 100,
  prompts: 'efficient',
  choices: [
    { dtype: 'q4f16', key: 'k', folderBytes: 10, gpuBytes: 10, trialBytes: 10, machine: FINE, storage: FINE },
    { dtype: 'q4', key: 'k4', folderBytes: 12, gpuBytes: 12, trialBytes: 0, machine: FINE, storage: FINE },
  ],
  proposed: 'q4f16',
  storage: STORAGE,
};

/** A job that the test settles. */
interface Work {
  readonly key: string;
  readonly report: (progress: ModelProgress) => void;
  readonly resolve: (key: string) => void;
  readonly reject: (error: unknown) => void;
}

function open(changes: Partial<LibraryApi> = {}, endpoint: string | null = null) {
  const works: Work[] = [];
  const removed: string[] = [];
  const work = (key: string, report: Work['report']): Promise<string> =>
    new Promise((resolve, reject) => {
      works.push({ key, report, resolve, reject });
    });
  let models: StoredModel[] = [];
  const api: LibraryApi = {
    list: async () => ({ models, storage: STORAGE }),
    survey: async () => SURVEY,
    tryMachine: async () => ({ verdict: 'no', text: 'Too small.' }),
    add: (_origin, _dtype, report) => work('k', report),
    resume: (key, _files, report) => work(key, report),
    pause: async () => works.at(-1)?.reject(new NamedError('StoppedError', 'Stopped.')),
    remove: async (key) => void removed.push(key),
    verify: async () => ({ kind: 'ready', verified: null }),
    files: async () => [],
    exportTo: async () => undefined,
    ...changes,
  };
  const connection: LibraryConnection = { api, crashed: new Promise(() => undefined), dispose: () => undefined };
  let online = (): void => undefined;
  const app = createAppStore({
    startEngine: () => scriptedEngine().connection,
    checkImage: async () => undefined,
    previewImage: async (file) => file,
    videoFrames: async (file) => [file],
    rasterizeSvg: async (file) => file,
    fetchFile: async () => new Blob(),
    pageUrl: 'http://page/',
  });
  const store = createModelsStore(app, {
    startLibrary: () => connection,
    askToPersist: async () => true,
    canPickFolders: true,
    pickTarget: async () => null,
    pickFolder: async () => null,
    folderOf: () => ({ name: '', files: [] }),
    download: () => undefined,
    whenOnline: (go) => {
      online = go;
      return () => (online = () => undefined);
    },
    endpoint,
  });
  const has = (...list: StoredModel[]): void => void (models = list);
  return { app, works, removed, has, state: () => store.getState(), goOnline: () => online() };
}

const PROGRESS: ModelProgress = { phase: 'weights', done: 30, total: 100, detail: 'a tensor' };

async function adding() {
  const opened = open();
  await opened.state().consider({ kind: 'hub', id: 'a/b' });
  void opened.state().add();
  await settle();
  opened.has(MODEL);
  return opened;
}

describe('a model that is considered', () => {
  it('is tried on the graphics card, and again with another dtype only where that makes sense', async () => {
    const { state } = open();
    await state().consider({ kind: 'hub', id: 'a/b' });
    expect(state().considered).toMatchObject({ status: 'ready', dtype: 'q4f16', trial: { verdict: 'no' } });
    state().chooseDtype('q4');
    await settle();
    expect(state().considered).toMatchObject({ dtype: 'q4', trial: null });
  });

  it('shows no trial of a dtype that is no longer chosen', async () => {
    let end: (finding: Finding) => void = () => undefined;
    const { state } = open({ tryMachine: () => new Promise((resolve) => (end = resolve)) });
    void state().consider({ kind: 'hub', id: 'a/b' });
    await settle();
    expect(state().considered).toMatchObject({ dtype: 'q4f16', trial: 'running' });
    state().chooseDtype('q4');
    end({ verdict: 'no', text: 'Too small for q4f16.' });
    await settle();
    expect(state().considered).toMatchObject({ dtype: 'q4', trial: null });
  });

  it('that is unavailable stays visible with the reason', async () => {
    const { state } = open({
      survey: async () => {
        throw new NamedError('HubError', 'There is no such model.');
      },
    });
    await state().consider({ kind: 'hub', id: 'a/b' });
    expect(state().considered).toMatchObject({ status: 'failed', error: { message: 'There is no such model.' } });
  });
});

describe('the text typed to find a model', () => {
  it('stays during the survey and when it fails, and is cleared once the model is added', async () => {
    let isThere = false;
    const { state } = open({
      survey: async () => {
        if (!isThere) throw new NamedError('HubError', 'There is no such model.');
        return SURVEY;
      },
    });
    const empty = state().form;
    state().fillIn({ id: 'a/b', revision: 'v9' });
    state().fillIn({ mirror: 'hf-mirror.com' });
    const typed = { ...empty, id: 'a/b', revision: 'v9', mirror: 'hf-mirror.com' };
    await state().consider({ kind: 'hub', id: 'a/b' });
    expect(state().considered?.status).toBe('failed');
    state().forget();
    expect(state().form).toEqual(typed);
    isThere = true;
    await state().consider({ kind: 'hub', id: 'a/b' });
    expect(state().form).toEqual(typed);
    void state().add();
    expect(state().form).toEqual(empty);
  });

  it('starts with the mirror of the page’s address', () => {
    const { state } = open({}, 'hf-mirror.com');
    expect(state().form.mirror).toBe('https://hf-mirror.com');
    expect(state().endpoint).toBe('https://hf-mirror.com');
  });
});

describe('a model that is added', () => {
  it('shows its progress, and that it is ready', async () => {
    const { works, state, app } = await adding();
    works[0]?.report(PROGRESS);
    expect(state().job).toMatchObject({ key: 'k', progress: PROGRESS });
    expect(app.getState().libraryWork).toBe('30 %');
    works[0]?.resolve('k');
    await settle();
    expect(state()).toMatchObject({ job: null, message: { key: 'k', kind: 'notice' } });
    expect(app.getState().libraryWork).toBeNull();
  });

  it('is paused with a notice, not an error', async () => {
    const { state } = await adding();
    await state().pause();
    await settle();
    expect(state().message).toMatchObject({ kind: 'notice', text: expect.stringContaining('Paused') });
  });

  it('resumes by itself when the network returns, unless it was paused meanwhile', async () => {
    const { works, state, goOnline } = await adding();
    works[0]?.reject(new NamedError('HubError', 'The connection broke.'));
    await settle();
    expect(state().message).toMatchObject({ kind: 'error', text: 'The connection broke.' });
    goOnline();
    await settle();
    expect(works[1]?.key).toBe('k');
    works[1]?.reject(new NamedError('HubError', 'The connection broke.'));
    await settle();
    await state().pause();
    goOnline();
    await settle();
    expect(works).toHaveLength(2);
  });
});

describe('a model that is deleted', () => {
  it('is released by the engine first', async () => {
    const { app, state, removed } = open();
    app.getState().selectModel({ kind: 'stored', key: 'k', name: 'a model' });
    await state().remove(MODEL);
    expect(removed).toEqual(['k']);
    expect(app.getState().selection).toEqual({ kind: 'bundled' });
  });

  it('is selected again if its deletion fails', async () => {
    const { app, state } = open({
      remove: async () => {
        throw new NamedError('BusyError', 'It is open in another tab.');
      },
    });
    const selection = { kind: 'stored', key: 'k', name: 'a model' } as const;
    app.getState().selectModel(selection);
    await state().remove(MODEL);
    expect(app.getState().selection).toEqual(selection);
    expect(state().message).toMatchObject({ key: 'k', kind: 'error' });
    expect(state().removing).toEqual([]);
  });

  it('shows as being deleted while its deletion waits, and is deleted once', async () => {
    let calls = 0;
    let letGo: () => void = () => undefined;
    const { state } = open({
      remove: () => {
        calls++;
        return new Promise((resolve) => {
          letGo = () => resolve();
        });
      },
    });
    const removal = state().remove(MODEL);
    await state().remove(MODEL);
    expect(state().removing).toEqual(['k']);
    expect(state().message?.text).toBe('Deleting a model…');
    letGo();
    await removal;
    expect(calls).toBe(1);
    expect(state().removing).toEqual([]);
    expect(state().message?.text).toMatch(/was deleted/);
  });
});
