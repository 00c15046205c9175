/** Puts the slices together. The store holds plain data and actions; the worker and the work in flight stay outside. */
import { createStore } from 'zustand/vanilla';
import type { StoreApi } from 'zustand/vanilla';
import { checkImage } from '../client/check-image.ts';
import { startEngine } from '../client/engine-client.ts';
import { rasterizeSvg } from '../client/rasterize-svg.ts';
import type { BackendChoice } from '../protocol/engine-api.ts';
import type { AppState } from './app-state.ts';
import { compareSlice } from './compare-slice.ts';
import { engineSlice } from './engine-slice.ts';
import { examplesSlice } from './examples-slice.ts';
import { imageSlice } from './image-slice.ts';
import { MODEL_FOLDER, modelSlice } from './model-slice.ts';
import { readAheadOf } from './read-ahead.ts';
import { settingsSlice } from './settings-slice.ts';
import { themeSlice } from './theme-slice.ts';
import { turnSlice } from './turn-slice.ts';
import type { AppDeps, Workbench } from './workbench.ts';

/** The page's store. */
export type AppStore = StoreApi<AppState>;

/** Makes the page's store. Nothing starts until `startApp`. */
export function createAppStore(deps: AppDeps, backend: BackendChoice = 'auto'): AppStore {
  const bench: Workbench = {
    deps,
    connection: null,
    engineImageId: null,
    activeRun: null,
    imageChain: Promise.resolve(),
    imageTicket: 0,
    lastId: 0,
  };
  const store = createStore<AppState>()((...slice) => ({
    ...engineSlice(bench, backend)(...slice),
    ...modelSlice(deps.model)(...slice),
    ...imageSlice(bench)(...slice),
    ...examplesSlice(bench)(...slice),
    ...settingsSlice(...slice),
    ...turnSlice(bench)(...slice),
    ...compareSlice(bench)(...slice),
    ...themeSlice(...slice),
  }));
  readAheadOf(store, bench);
  return store;
}

/** Starts loading the model and reading the examples. */
export function startApp(store: AppStore): void {
  void store.getState().loadEngine();
  void store.getState().loadExamples();
}

/** What the real page gives its store. `search` may name another model folder or backend: `?model=…&backend=wasm`. */
export function browserDeps(search: URLSearchParams, baseUrl: string): AppDeps {
  const model = search.get('model');
  return {
    startEngine,
    checkImage,
    rasterizeSvg,
    fetchFile: (path) => fetchFile(new URL(path, baseUrl)),
    modelUrl: new URL(MODEL_FOLDER, baseUrl).href,
    ...(model === null ? {} : { model: { kind: 'url', url: new URL(model, baseUrl).href } }),
  };
}

/** The backend that `?backend=` names; `auto` when it names none. */
export function backendFrom(search: URLSearchParams): BackendChoice {
  const asked = search.get('backend');
  return asked === 'webgpu' || asked === 'wasm' ? asked : 'auto';
}

async function fetchFile(url: URL): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} could not be fetched: HTTP ${response.status}.`);
  return await response.blob();
}
