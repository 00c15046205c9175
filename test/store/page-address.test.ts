/** The parameters of the page's address, and invalid ones. */
import { describe, expect, it } from 'vitest';
import type { AppState } from '../../src/store/app-state.ts';
import { backendFrom, browserDeps, createAppStore } from '../../src/store/app-store.ts';
import { folderAddress, sourceOf } from '../../src/store/model-slice.ts';
import { scriptedEngine, settle } from './scripted-engine.ts';

const PAGE = 'http://page/app/';

/** The state of a page whose address ends in `search`, and the source that its engine loads. */
async function open(search: string): Promise<{ state: () => AppState; loaded: string[] }> {
  const loaded: string[] = [];
  const store = createAppStore({
    ...browserDeps(new URLSearchParams(search), PAGE),
    startEngine: () => {
      const { connection } = scriptedEngine();
      const load: typeof connection.api.load = (source, ...rest) => {
        loaded.push(source.kind === 'url' ? source.url : source.kind);
        return connection.api.load(source, ...rest);
      };
      return { ...connection, api: { ...connection.api, load } };
    },
  });
  void store.getState().loadEngine();
  await settle();
  return { state: store.getState, loaded };
}

describe('the page’s address', () => {
  it('may choose a backend', () => {
    expect(backendFrom(new URLSearchParams('backend=wasm'))).toBe('wasm');
    expect(backendFrom(new URLSearchParams('backend='))).toBe('auto');
    expect(backendFrom(new URLSearchParams(''))).toBe('auto');
  });

  it.each([
    ['', 'http://page/app/models/visionthink-nano/'],
    ['model=', 'http://page/app/models/visionthink-nano/'],
    ['model=models/other/', 'http://page/app/models/other/'],
    ['model=https://host/m', 'https://host/m'],
  ])('with “%s” loads %s', async (search, url) => {
    expect((await open(search)).loaded).toEqual([url]);
  });

  it.each(['http://', 'file:///etc/', 'javascript:0'])('reports an invalid URL of the model: %s', async (model) => {
    const { state, loaded } = await open(`model=${encodeURIComponent(model)}`);
    expect(state().engine).toMatchObject({ status: 'failed', error: { name: 'ModelFolderError' } });
    expect(() => folderAddress({ kind: 'url', url: model }, PAGE)).toThrow(`“${model}” is not the URL`);
    expect(loaded).toEqual([]);
    state().selectModel({ kind: 'bundled' });
    await settle();
    expect(loaded).toEqual(['http://page/app/models/visionthink-nano/']);
  });

  it('does not affect a model on this device', () => {
    const stored = { kind: 'stored', key: 'k', name: 'n' } as const;
    expect(sourceOf(stored, PAGE)).toBe(stored);
  });
});
