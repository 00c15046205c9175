/** The worker's side of LibraryApi: chooses storage, sources and machine for the library. */
import { openHubFolder } from '../src/io/hub/hub-folder.ts';
import { remoteFolder } from '../src/io/hub/remote-folder.ts';
import { fileListFolder } from '../src/io/web/file-list-folder.ts';
import { exportFolder } from '../src/io/web/export-folder.ts';
import { storedModels } from '../src/io/web/stored-models.ts';
import type { Machine } from '../src/library/fit.ts';
import { ModelLibrary, type Report } from '../src/library/model-library.ts';
import type { OpenedOrigin } from '../src/library/survey-model.ts';
import type { BackendOption } from '../src/protocol/engine-api.ts';
import type {
  Finding,
  Library,
  LibraryApi,
  ModelOrigin,
  ModelSurvey,
  StoredState,
} from '../src/protocol/library-api.ts';
import { isSoftware, probeAdapter } from '../src/backends/webgpu/gpu/adapter.ts';
import { tryAllocation } from '../src/backends/webgpu/gpu/trial-allocation.ts';
import type { FolderFile } from '../src/shared/files.ts';
import { ConverterHost } from './converter-host.ts';

/** Implements both interfaces of the converter's worker. */
export class LibraryHost extends ConverterHost implements LibraryApi {
  readonly #library = new ModelLibrary({ storage: storedModels, open: openOrigin, probe: probeMachine, tryBytes });

  list(): Promise<Library> {
    return this.#library.list();
  }

  survey(origin: ModelOrigin, backend: BackendOption | null): Promise<ModelSurvey> {
    return this.#library.survey(origin, backend);
  }

  tryMachine(bytes: number): Promise<Finding> {
    return this.#library.tryMachine(bytes);
  }

  add(origin: ModelOrigin, dtype: string, onProgress: Report): Promise<string> {
    return this.#library.add(origin, dtype, onProgress);
  }

  resume(key: string, files: readonly FolderFile[] | null, onProgress: Report): Promise<string> {
    return this.#library.resume(key, files, onProgress);
  }

  pause(): Promise<void> {
    return this.#library.pause();
  }

  remove(key: string): Promise<void> {
    return this.#library.remove(key);
  }

  verify(key: string, onProgress: Report): Promise<StoredState> {
    return this.#library.verify(key, onProgress);
  }

  files(key: string): Promise<readonly FolderFile[]> {
    return this.#library.withFiles(key, async (files) => files);
  }

  exportTo(key: string, target: FileSystemDirectoryHandle, onProgress: Report): Promise<void> {
    return this.#library.withFiles(key, async (files, signal) => {
      const name = key.replace(/-[0-9a-f]{8}$/, '');
      await exportFolder(files, { target, name }, signal, (done, total, detail) =>
        onProgress({ phase: 'export', done, total, detail }),
      );
    });
  }
}

async function openOrigin(
  origin: ModelOrigin,
  signal: AbortSignal,
  onWait: (why: string) => void,
): Promise<OpenedOrigin> {
  const options = {
    fetch: fetch.bind(self),
    signal,
    onRetry: ({ why, waitMs }: { why: string; waitMs: number }) =>
      onWait(`${why} Trying again in ${Math.ceil(waitMs / 1000)} s.`),
  };
  switch (origin.kind) {
    case 'files':
      return {
        source: fileListFolder(origin.name, origin.files),
        origin: { kind: 'files', name: origin.name },
        isRemote: false,
      };
    case 'url':
      return { source: remoteFolder(origin.url, options), origin, isRemote: true };
    case 'hub': {
      const { revision, endpoint } = origin;
      const source = await openHubFolder(origin.id, {
        ...options,
        ...(revision === undefined ? {} : { revision }),
        ...(endpoint === undefined ? {} : { endpoint }),
      });
      const { id, commit } = source;
      return {
        source,
        origin: { kind: 'hub', id, commit, revision: source.revision, endpoint: source.endpoint },
        isRemote: true,
      };
    }
  }
}

async function probeMachine(): Promise<Machine> {
  const probe = await probeAdapter();
  if (typeof probe === 'string') return probe;
  const { description: adapter, hasF16, maxBindingBytes } = probe;
  return { adapter, hasF16, maxBindingBytes, isSoftware: isSoftware(probe) };
}

async function tryBytes(bytes: number): Promise<{ takenBytes: number; refusal: string | null }> {
  const probe = await probeAdapter();
  if (typeof probe === 'string') return { takenBytes: 0, refusal: probe };
  return tryAllocation(probe.adapter, bytes);
}
