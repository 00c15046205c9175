/**
 * The page's session with its engine: the current worker, the image it holds, and the order in which images are changed. None
 * of it is state that a component shows, so it stays outside the store; slices use it through its methods.
 */
import type { StateCreator } from 'zustand/vanilla';
import type { EngineConnection } from '../client/engine-client.ts';
import type { EngineApi, ImageInfo } from '../protocol/engine-api.ts';
import type { AppState, ModelSelection } from './app-state.ts';
import type { SettingsForm } from './settings-form.ts';

/** The store's dependencies; tests and the development page pass their own. */
export interface AppDeps {
  readonly startEngine: () => EngineConnection;
  readonly checkImage: (file: Blob) => Promise<void>;
  readonly rasterizeSvg: (file: Blob) => Promise<Blob>;
  /** The frames of a video, as image files. */
  readonly videoFrames: (file: Blob) => Promise<readonly [Blob, ...Blob[]]>;
  /** The preview of a file: the file itself, or a picture of it as the model sees it. */
  readonly previewImage: (file: Blob) => Promise<Blob>;
  /** Reads a file that lies beside the page. */
  readonly fetchFile: (path: string) => Promise<Blob>;
  /** The page's URL, which a worker does not know. */
  readonly pageUrl: string;
  /** The model that the page's address names. Whether its own address is one shows when it is loaded. */
  readonly model?: ModelSelection;
  /** The settings that the page's address names. */
  readonly settings?: Partial<SettingsForm>;
}

/** The creator of a slice. */
export type SliceOf<Slice> = StateCreator<AppState, [], [], Slice>;

/** One page's session. */
export class EngineSession {
  readonly deps: AppDeps;
  #connection: EngineConnection | null = null;
  /** The image that the worker holds. */
  #imageId: number | null = null;
  #imageChanges: Promise<void> = Promise.resolve();
  #lastImageChoice = 0;
  #lastId = 0;
  #activeRun: Promise<void> | null = null;

  constructor(deps: AppDeps) {
    this.deps = deps;
  }

  /** The engine behind the worker; null while there is none. */
  get api(): EngineApi | null {
    return this.#connection?.api ?? null;
  }

  /** Ends the current worker and starts another, which holds neither a model nor an image. */
  start(): EngineConnection {
    this.end();
    this.#connection = this.deps.startEngine();
    return this.#connection;
  }

  /** Ends the worker. */
  end(): void {
    this.#connection?.dispose();
    this.#connection = null;
    this.#imageId = null;
  }

  /** Whether this is still the current worker: reports of an earlier one are out of date. */
  isCurrent(connection: EngineConnection): boolean {
    return this.#connection === connection;
  }

  /** Whether the worker holds this image. */
  holdsImage(id: number): boolean {
    return this.#imageId === id;
  }

  /**
   * Gives the worker an image, and the further frames if it is a video's. Resolves to its cost, or to null when there is no worker
   * or another one has replaced it meanwhile. Throws what the engine throws, unless the worker has been replaced.
   */
  async sendImage(id: number, blob: Blob, frames: readonly Blob[] = []): Promise<ImageInfo | null> {
    const connection = this.#connection;
    if (connection === null) return null;
    try {
      const info = await connection.api.setImage(blob);
      for (const frame of frames) await connection.api.addImage(frame);
      if (this.#connection !== connection) return null;
      this.#imageId = id;
      return info;
    } catch (thrown) {
      if (this.#connection !== connection) return null;
      throw thrown;
    }
  }

  /** Makes the worker forget everything but the model; it holds no image afterwards. */
  async newChat(): Promise<void> {
    await this.api?.newChat();
    this.#imageId = null;
  }

  /** Runs image changes one after another. */
  changeImage(change: () => Promise<void>): Promise<void> {
    this.#imageChanges = this.#imageChanges.then(change);
    return this.#imageChanges;
  }

  /** Numbers a choice of an image: only the latest choice counts. */
  nextImageChoice(): number {
    return ++this.#lastImageChoice;
  }

  /** Whether this is still the latest choice. */
  isLatestImageChoice(choice: number): boolean {
    return choice === this.#lastImageChoice;
  }

  /** A new id, unique among the turns and images of this session. */
  nextId(): number {
    return ++this.#lastId;
  }

  /** Settles when the running turn or comparison has ended; null when nothing runs. */
  get activeRun(): Promise<void> | null {
    return this.#activeRun;
  }

  /** Runs a turn or a comparison unless one runs already; returns whether it was started. `onEnd` is called when it has ended. */
  run(work: () => Promise<void>, onEnd: () => void): boolean {
    if (this.#activeRun !== null) return false;
    this.#activeRun = work().finally(() => {
      this.#activeRun = null;
      onEnd();
    });
    return true;
  }
}
