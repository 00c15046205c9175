/** Opens a ModelSource: by its address, by the files in hand, or out of the library on this device. */
import { RangedBlob } from '../src/io/ranged-blob.ts';
import { fileListFolder } from '../src/io/web/file-list-folder.ts';
import { storedModels } from '../src/io/web/stored-models.ts';
import { type FetchProgress, urlFolder } from '../src/io/web/url-folder.ts';
import { readVerification, verifyModel } from '../src/library/verification.ts';
import type { Manifest } from '../src/model/manifest.ts';
import { readManifest } from '../src/model/read-manifest.ts';
import type { ModelSource } from '../src/protocol/engine-api.ts';
import { NamedError } from '../src/shared/errors.ts';
import type { FileSource } from '../src/shared/files.ts';

/** Bytes that are read from a disk at a time, and how many reads go on side by side. */
const PIECE_BYTES = 1 << 24;
const SIDE_BY_SIDE = 4;

/** Told what happens to the files. */
export interface FileEvents {
  /** A file is being downloaded. */
  readonly onFetch: FetchProgress;
  /** Bytes that were read from this device. */
  readonly onRead: (path: string, bytes: number) => void;
  /** Bytes whose hashes were checked. */
  readonly onVerify: (done: number, total: number, path: string) => void;
}

/** A model folder that is open. */
export interface OpenModel {
  readonly source: FileSource;
  readonly manifest: Manifest;
  /** Whether hashes need not be checked. */
  readonly isTrusted: boolean;
  /** Lets others write the folder. */
  release(): void;
}

/** Opens a model folder and reads its manifest. Throws ModelFolderError, BusyError. */
export async function openModelSource(source: ModelSource, events: FileEvents): Promise<OpenModel> {
  const release = (): void => undefined;
  switch (source.kind) {
    case 'url': {
      const folder = urlFolder(source.url, self.location.href, events.onFetch);
      return { source: folder, manifest: await readManifest(folder), isTrusted: false, release };
    }
    case 'files': {
      const folder = fileListFolder(source.name, source.files);
      return { source: counted(folder, events.onRead), manifest: await readManifest(folder), isTrusted: true, release };
    }
    case 'stored':
      return openStored(source, events);
  }
}

async function openStored(
  { key, name }: { readonly key: string; readonly name: string },
  { onRead, onVerify }: FileEvents,
): Promise<OpenModel> {
  const release = await holdShared(key);
  try {
    const directory = await storedModels.open(key, false);
    if (directory === undefined) {
      throw new NamedError(
        'ModelFolderError',
        `${name} is not on this device any more. Choose another model, or add it again.`,
      );
    }
    const manifest = await readManifest({ ...directory.model, name });
    // Hashed when it was made; once more where that was not noted, or a file has changed since.
    const verification =
      (await readVerification(directory, manifest)) ?? (await verifyModel(directory, manifest, onVerify));
    if (verification.damaged.length > 0) {
      throw new NamedError(
        'ModelFolderError',
        `${verification.damaged.join(', ')} of ${name} is damaged. Delete the model and add it again.`,
      );
    }
    return {
      source: counted({ ...directory.model, name }, onRead),
      manifest,
      isTrusted: true,
      release,
    };
  } catch (thrown) {
    release();
    throw thrown;
  }
}

/** Takes the model's lock as a reader and keeps it until what this resolves to is called. Throws BusyError. */
function holdShared(key: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const held = storedModels.lock(key, 'shared', () => new Promise<void>((release) => resolve(release)));
    held.catch(reject);
  });
}

/** The same folder, whose files tell what is read of them. */
function counted(folder: FileSource, onRead: FileEvents['onRead']): FileSource {
  return {
    ...folder,
    async blob(path) {
      const blob = await folder.blob(path);
      return blob === undefined
        ? undefined
        : new RangedBlob((first, end) => read(path, blob, first, end), 0, blob.size);
    },
  };

  async function read(path: string, blob: Blob, first: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(end - first);
    let next = first;
    const work = async (): Promise<void> => {
      for (let at = next; at < end; at = next) {
        next = Math.min(end, at + PIECE_BYTES);
        const stop = next;
        bytes.set(new Uint8Array(await blob.slice(at, stop).arrayBuffer()), at - first);
        onRead(path, stop - at);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    return bytes;
  }
}
