/** Which model is asked: the bundled one until a person has chosen another, which is remembered. */
import type { ModelSource } from '../protocol/engine-api.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import type { ModelSelection, ModelSlice } from './app-state.ts';
import { skipTurn } from './turn-state.ts';
import type { SliceOf } from './workbench.ts';

const STORAGE_KEY = 'visionthink-model';

/** The bundled model's folder, beside the page. */
export const MODEL_FOLDER = 'models/visionthink-nano/';

/** The model's slice. `asked`: the model that the page's address names, for this visit alone. */
export function modelSlice(asked: ModelSelection | undefined): SliceOf<ModelSlice> {
  return (set, get) => ({
    selection: asked ?? readSelection(),
    selectModel: (selection) => {
      writeSelection(selection);
      // A comparison under way is of the model before: what is left of it does not wait for the new one.
      const rows = get().comparison;
      const isUnderWay = rows?.some((row) => row.status !== 'queued') === true;
      const comparison = isUnderWay ? rows.map((row) => (row.status === 'queued' ? skipTurn(row) : row)) : rows;
      set({ selection, engineNotice: null, comparison });
      void get().loadEngine();
    },
    isLibraryOpen: false,
    showLibrary: (isLibraryOpen) => set({ isLibraryOpen }),
    libraryWork: null,
    setLibraryWork: (libraryWork) => set({ libraryWork }),
  });
}

/** What the engine is to load. `bundledUrl`: the bundled model's folder. */
export function sourceOf(selection: ModelSelection, bundledUrl: string): ModelSource {
  return selection.kind === 'bundled' ? { kind: 'url', url: bundledUrl } : selection;
}

function readSelection(): ModelSelection {
  try {
    const json = tryParseJson(globalThis.localStorage.getItem(STORAGE_KEY) ?? '');
    if (isObject(json) && typeof json['key'] === 'string' && typeof json['name'] === 'string')
      return { kind: 'stored', key: json['key'], name: json['name'] };
  } catch {
    // storage is switched off: nothing is remembered
  }
  return { kind: 'bundled' };
}

function writeSelection(selection: ModelSelection): void {
  try {
    if (selection.kind === 'stored') globalThis.localStorage.setItem(STORAGE_KEY, JSON.stringify(selection));
    else globalThis.localStorage.removeItem(STORAGE_KEY);
  } catch {
    // storage is switched off: the choice lasts as long as the page
  }
}
