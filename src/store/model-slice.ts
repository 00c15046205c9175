/** The selected model: the bundled one until a person chooses another, which is remembered. */
import type { ModelSource } from '../protocol/engine-api.ts';
import { NamedError } from '../shared/errors.ts';
import { isObject, tryParseJson } from '../shared/json.ts';
import type { ModelSelection, ModelSlice } from './app-state.ts';
import { skipQueued } from './turn-state.ts';
import type { SliceOf } from './engine-session.ts';

const STORAGE_KEY = 'visionthink-model';

/** The bundled model's folder, beside the page. */
export const MODEL_FOLDER = 'models/visionthink-nano/';

/** The model's slice. `asked`: the model that the page's address names, for this session alone. */
export function modelSlice(asked: ModelSelection | undefined): SliceOf<ModelSlice> {
  return (set, get) => ({
    selection: asked ?? readSelection(),
    selectModel: (selection) => {
      writeSelection(selection);
      // A running comparison belongs to the previous model: its remaining rows do not wait for the new one.
      const rows = get().comparison;
      const isUnderWay = rows?.some((row) => row.status !== 'queued') === true;
      const comparison = isUnderWay ? rows.map(skipQueued) : rows;
      set({ selection, engineNotice: null, comparison });
      void get().loadEngine();
    },
    isLibraryOpen: false,
    showLibrary: (isLibraryOpen) => set({ isLibraryOpen }),
    libraryWork: null,
    setLibraryWork: (libraryWork) => set({ libraryWork }),
  });
}

/** The source that the engine loads. Throws ModelFolderError when the selection's address is invalid. */
export function sourceOf(selection: ModelSelection, pageUrl: string): ModelSource {
  return selection.kind === 'stored' ? selection : { kind: 'url', url: folderAddress(selection, pageUrl) };
}

/** The absolute address of a model folder, which may be given relative to the page's. Throws ModelFolderError when it is invalid. */
export function folderAddress(model: Exclude<ModelSelection, { kind: 'stored' }>, pageUrl: string): string {
  const given = model.kind === 'bundled' ? MODEL_FOLDER : model.url;
  const address = URL.canParse(given, pageUrl) ? new URL(given, pageUrl) : null;
  if (address !== null && /^https?:$/.test(address.protocol)) return address.href;
  throw new NamedError(
    'ModelFolderError',
    `“${given}” is not the URL of a model folder. Give one like https://example.org/models/name/.`,
  );
}

function readSelection(): ModelSelection {
  try {
    const json = tryParseJson(globalThis.localStorage.getItem(STORAGE_KEY) ?? '');
    if (isObject(json) && typeof json['key'] === 'string' && typeof json['name'] === 'string')
      return { kind: 'stored', key: json['key'], name: json['name'] };
  } catch {
    // storage is disabled: nothing is remembered
  }
  return { kind: 'bundled' };
}

function writeSelection(selection: ModelSelection): void {
  try {
    if (selection.kind === 'stored') globalThis.localStorage.setItem(STORAGE_KEY, JSON.stringify(selection));
    else globalThis.localStorage.removeItem(STORAGE_KEY);
  } catch {
    // storage is disabled: the choice lasts as long as the page
  }
}
