/**
 * Named bytes in and out. A `FileSource` is a folder to read (a checkpoint or a model folder), a `FileSink` one to write.
 * Bytes travel as `Blob`, which both browsers and Node have and which is read lazily. A file on disk or at the other end of
 * a network is a Blob of its own class: `slice` costs nothing, `arrayBuffer` reads that part alone.
 */

/** A folder that can be read. Paths use `/` and are relative to the folder. */
export interface FileSource {
  /** The folder's name for people: a path, a URL, an id. For messages, and for the model's name. */
  readonly name: string;
  /** The commit it is read at, where it is a repository. */
  readonly commit?: string;
  /** The file's bytes, or undefined when there is no such file. Reading is lazy where the platform allows it. */
  blob(path: string): Promise<Blob | undefined>;
  /** Paths of all files; absent where a folder cannot be listed (a plain URL). */
  list?(): Promise<readonly string[]>;
  /**
   * A text that changes with the file's content: a hash where the platform knows one, the time of the last change
   * otherwise. Absent, or undefined, where nothing is known.
   */
  version?(path: string): Promise<string | undefined>;
  /** The SHA-256 (hexadecimal) that the folder's keeper announces for a file; undefined where it announces none. */
  announcedSha256?(path: string): Promise<string | undefined>;
}

/** A file open for writing at any offset. Opening keeps its content. One writer at a time. */
export interface RandomAccessFile {
  /** Bytes it holds. */
  size(): Promise<number>;
  /** Writes all of `bytes` at `offset`; a gap before it is filled with zeros. Throws StorageError when the disk is full. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Cuts the file, or makes it longer with zeros. */
  truncate(bytes: number): Promise<void>;
  /** Resolves once all writes are on disk and survive a crash of the machine. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A folder that can be written. Subfolders are made as they are needed. Failures are StorageErrors that name the file. */
export interface FileSink {
  /** Puts a whole file in place at once: whatever happens, the path holds its old content or `bytes`, never a part. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  /** Opens a file for writing, new and empty when there is none. */
  open(path: string): Promise<RandomAccessFile>;
  /** Removes a file; nothing happens when there is none. */
  remove(path: string): Promise<void>;
  /** Bytes that may still be written here, where the platform reports them. */
  freeBytes?(): Promise<number | undefined>;
}

/** A folder that can be read and written. */
export interface Folder extends FileSource, FileSink {}

/** A given file. Its bytes stay where they are until they are read. */
export interface FolderFile {
  /** Relative to its folder, with `/`. */
  readonly path: string;
  readonly blob: Blob;
}
