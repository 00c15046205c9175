/** Opens a ModelSource: from its URL, from given files, or from the library on this device. */
import { RangedBlob } from '../src/io/ranged-blob.ts';
import type { DirectoryFolder, OpenFile } from '../src/io/web/directory-folder.ts';
import { fileListFolder } from '../src/io/web/file-list-folder.ts';
import { storedModels } from '../src/io/web/stored-models.ts';
import { type FetchProgress, urlFolder } from '../src/io/web/url-folder.ts';
import { readVerification, verifyModel } from '../src/library/verification.ts';
import type { Manifest } from '../src/model/manifest.ts';
import { readManifest } from '../src/model/read-manifest.ts';
import type { ModelSource } from '../src/protocol/engine-api.ts';
import { NamedError } from '../src/shared/errors.ts';
import type { FileSource } from '../src/shared/files.ts';

/** Bytes that are read from a disk at a time, and how many reads run at the same time. */
const PIECE_BYTES = 1 << 24;
const SIDE_BY_SIDE = 4;

/** Listeners for what happens to the files. */
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
  /** Call it when a load has ended: closes the open files. Reading again reopens them. */
  rest(): void;
  /** Lets others write the folder. */
  release(): void;
}

/** Opens a model folder and reads its manifest. Throws ModelFolderError, BusyError. */
export async function openModelSource(source: ModelSource, events: FileEvents): Promise<OpenModel> {
  const rest = (): void => undefined;
  const release = rest;
  switch (source.kind) {
    case 'url': {
      const folder = urlFolder(source.url, self.location.href, events.onFetch);
      return { source: folder, manifest: await readManifest(folder), isTrusted: false, rest, release };
    }
    case 'files': {
      const folder = fileListFolder(source.name, source.files);
      const read = counted(folder, readBlobs(folder), events.onRead);
      return { source: read, manifest: await readManifest(folder), isTrusted: true, rest, release };
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
    // The library hashed it when it was made. Hash it again only if that was not recorded or a file has changed since.
    const verification =
      (await readVerification(directory, manifest)) ?? (await verifyModel(directory, manifest, onVerify));
    if (verification.damaged.length > 0) {
      throw new NamedError(
        'ModelFolderError',
        `${verification.damaged.join(', ')} of ${name} is damaged. Delete the model and add it again.`,
      );
    }
    const folder = { ...directory.model, name };
    const inPlace = new FilesInPlace(folder);
    return {
      source: counted(folder, (path) => inPlace.reader(path), onRead),
      manifest,
      isTrusted: true,
      rest: () => inPlace.close(),
      release: () => {
        inPlace.close();
        release();
      },
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

/** Fills a buffer with a file's bytes from an offset. */
type Reader = (bytes: Uint8Array, offset: number, onRead: (count: number) => void) => Promise<void>;

/** The same folder, read by `readerOf`, which reports what it reads. */
function counted(
  folder: FileSource,
  readerOf: (path: string) => Promise<Reader | undefined>,
  onRead: FileEvents['onRead'],
): FileSource {
  return {
    ...folder,
    async blob(path) {
      const size = (await folder.blob(path))?.size;
      if (size === undefined) return undefined;
      const read = async (first: number, end: number): Promise<Uint8Array<ArrayBuffer>> => {
        const bytes = new Uint8Array(end - first);
        const reader = await readerOf(path);
        if (reader === undefined) throw new NamedError('ModelFolderError', `${path} of ${folder.name} has gone away.`);
        await reader(bytes, first, (count) => onRead(path, count));
        return bytes;
      };
      return new RangedBlob(read, 0, size);
    },
  };
}

/** Reads files as Blobs, some pieces side by side. */
function readBlobs(folder: FileSource): (path: string) => Promise<Reader | undefined> {
  return async (path) => {
    const blob = await folder.blob(path);
    if (blob === undefined) return undefined;
    return async (bytes, offset, onRead) => {
      let next = 0;
      const work = async (): Promise<void> => {
        for (let at = next; at < bytes.length; at = next) {
          next = Math.min(bytes.length, at + PIECE_BYTES);
          const stop = next;
          bytes.set(new Uint8Array(await blob.slice(offset + at, offset + stop).arrayBuffer()), at);
          onRead(stop - at);
        }
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
    };
  };
}

/** Reads the files of a directory in place, and as Blobs where that cannot be. */
class FilesInPlace {
  readonly #folder: DirectoryFolder;
  readonly #asBlobs: (path: string) => Promise<Reader | undefined>;
  #open = new Map<string, Promise<OpenFile | undefined>>();

  constructor(folder: DirectoryFolder) {
    this.#folder = folder;
    this.#asBlobs = readBlobs(folder);
  }

  async reader(path: string): Promise<Reader | undefined> {
    const opening = this.#open.get(path) ?? this.#folder.openFile(path);
    this.#open.set(path, opening);
    const file = await opening;
    if (file === undefined) return this.#asBlobs(path);
    return async (bytes, offset, onRead) => {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        file.read(piece, offset + at);
        onRead(piece.length);
      }
    };
  }

  close(): void {
    for (const opening of this.#open.values()) void opening.then((file) => file?.close());
    this.#open = new Map();
  }
}
