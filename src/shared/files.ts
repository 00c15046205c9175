/**
 * Named bytes in and out. A `FileSource` is a folder to read (a checkpoint or a model folder), a `FileSink` one to write.
 * Bytes travel as `Blob`, which both browsers and Node have and which is read lazily.
 */

/** A folder that can be read. Paths use `/` and are relative to the folder. */
export interface FileSource {
  /** What a person would call this folder: a path, a URL, an id. For messages only. */
  readonly name: string;
  /** The file's bytes, or undefined when there is no such file. Reading is lazy where the platform allows it. */
  blob(path: string): Promise<Blob | undefined>;
}

/** One file being written from front to back. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A folder that can be written. */
export interface FileSink {
  /** Creates (or replaces) a file. */
  create(path: string): Promise<FileWriter>;
}

/** A file in hand. Its bytes stay where they are until they are read. */
export interface FolderFile {
  /** Relative to its folder, with `/`. */
  readonly path: string;
  readonly blob: Blob;
}
