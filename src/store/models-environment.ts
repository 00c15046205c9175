/** The environment that the real page gives the Models screen's store. */
import {
  askToPersist,
  canPickFolders,
  downloadTar,
  filesBelow,
  filesOfInput,
  pickFolder,
  startLibrary,
  whenOnline,
} from '../client/library-client.ts';
import type { AppStore } from './app-store.ts';
import { createModelsStore, type ModelsStore } from './models-store.ts';

/** The store of a page whose address has `search`: `?hub=` names a mirror. */
export function browserModels(app: AppStore, search: URLSearchParams): ModelsStore {
  return createModelsStore(app, {
    startLibrary,
    askToPersist,
    canPickFolders: canPickFolders(),
    pickTarget: () => pickFolder('readwrite'),
    pickFolder: async () => {
      const folder = await pickFolder('read');
      return folder === null ? null : { name: folder.name, files: await filesBelow(folder) };
    },
    folderOf: filesOfInput,
    download: downloadTar,
    whenOnline,
    endpoint: search.get('hub'),
  });
}
