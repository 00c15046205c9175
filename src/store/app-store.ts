/** Puts the slices together. The store holds plain data and actions; the worker and the work in flight stay outside. */
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';
import { checkImage } from '../client/check-image.ts';
import { startEngine } from '../client/engine-client.ts';
import { fetchFile } from '../client/fetch-file.ts';
import { previewImage } from '../client/preview-image.ts';
import { rasterizeSvg } from '../client/rasterize-svg.ts';
import { videoFrames } from '../client/video-frames.ts';
import type { BackendChoice } from '../protocol/engine-api.ts';
import type { AppState } from './app-state.ts';
import { compareSlice } from './compare-slice.ts';
import { engineSlice } from './engine-slice.ts';
import { examplesSlice } from './examples-slice.ts';
import { imageSlice } from './image-slice.ts';
import { settingsFrom } from './link-settings.ts';
import { modelSlice } from './model-slice.ts';
import { prefetchOnChange } from './prefetch.ts';
import { regionSlice } from './region-slice.ts';
import { settingsSlice } from './settings-slice.ts';
import { themeSlice } from './theme-slice.ts';
import { turnSlice } from './turn-slice.ts';
import { type AppDeps, EngineSession } from './engine-session.ts';

/** The page's store. */
export type AppStore = StoreApi<AppState>;

/** Makes the page's store. Nothing starts until `startApp`. */
export function createAppStore(deps: AppDeps, backend: BackendChoice = 'auto'): AppStore {
  const session = new EngineSession(deps);
  const store = createStore<AppState>()((...slice) => ({
    ...engineSlice(session, backend)(...slice),
    ...modelSlice(deps.model)(...slice),
    ...imageSlice(session)(...slice),
    ...regionSlice()(...slice),
    ...examplesSlice(session)(...slice),
    ...settingsSlice(deps.settings)(...slice),
    ...turnSlice(session)(...slice),
    ...compareSlice(session)(...slice),
    ...themeSlice(...slice),
  }));
  prefetchOnChange(store, session);
  return store;
}

/** Starts loading the model and reading the examples. */
export function startApp(store: AppStore): void {
  void store.getState().loadEngine();
  void store.getState().loadExamples();
}

/** The dependencies of the real page's store. `search` may name another model folder: `?model=…`; an empty name is the bundled one's. It may also hold settings. */
export function browserDeps(search: URLSearchParams, pageUrl: string): AppDeps {
  const model = search.get('model')?.trim();
  return {
    startEngine,
    checkImage,
    rasterizeSvg,
    videoFrames,
    previewImage,
    fetchFile: (path) => fetchFile(path, pageUrl),
    pageUrl,
    settings: settingsFrom(search),
    ...(model === undefined ? {} : { model: model === '' ? { kind: 'bundled' } : { kind: 'url', url: model } }),
  };
}

/** The backend that `?backend=` names; `auto` when it names none. The engine says if it has no such backend. */
export function backendFrom(search: URLSearchParams): BackendChoice {
  const asked = search.get('backend');
  return asked === null || asked === '' ? 'auto' : asked;
}
