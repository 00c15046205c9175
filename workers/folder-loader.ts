/** Opens a model folder for the engine's worker, and reports how far its bytes are. */
import { type ModelFolder, openModelFolder } from '../src/architectures/model-folder.ts';
import type { Manifest, VariantName } from '../src/model/manifest.ts';
import { filesFor } from '../src/model/variant-files.ts';
import type { ModelSource } from '../src/protocol/engine-api.ts';
import type { LoadEvent } from '../src/protocol/events.ts';
import { type OpenModel, openModelSource } from './model-source.ts';

/** Reading a file of fewer bytes is not worth reporting. */
const SMALL_BYTES = 1e6;

/** Opens the files a candidate needs, once for each variant, and reports how far their bytes are. */
export class FolderLoader {
  readonly #opened = new Map<VariantName, Promise<ModelFolder>>();
  readonly #onEvent: (event: LoadEvent) => void;
  readonly #loaded = new Map<string, number>();
  #model: OpenModel | null = null;
  #total = 0;
  /** The engine's last event; null before it makes sessions. */
  #reported: LoadEvent | null = null;
  /** Bytes read from this device since then, of every file. */
  readonly #read = new Map<string, number>();

  constructor(onEvent: (event: LoadEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Opens the folder and reads its manifest. Throws what either throws. */
  async manifest(source: ModelSource): Promise<Manifest> {
    this.#model = await openModelSource(source, {
      onFetch: (path, loaded) => this.#onFetched(path, loaded),
      onRead: (path, bytes) => this.#onRead(path, bytes),
      onVerify: (loaded, total, detail) =>
        this.#onEvent({ type: 'loadProgress', phase: 'verify', loaded, total, detail }),
    });
    return this.#model.manifest;
  }

  /** Forwards the engine's events while it makes sessions. */
  report(event: LoadEvent): void {
    this.#reported = event;
    this.#onEvent(event);
  }

  /** Opens the files that a variant needs. Throws ModelFolderError. */
  open(manifest: Manifest, variant: VariantName): Promise<ModelFolder> {
    const known = this.#opened.get(variant);
    if (known !== undefined) return known;
    const model = this.#model;
    if (model === null) throw new Error('the manifest has not been read');
    const isNeeded = filesFor(manifest, variant);
    this.#loaded.clear();
    this.#total = manifest.files.filter((file) => isNeeded(file.path)).reduce((sum, file) => sum + file.bytes, 0);
    this.#onEvent({ type: 'loadProgress', phase: 'download', loaded: 0, total: this.#total, detail: '' });
    const opening = openModelFolder(model.source, manifest, { needed: isNeeded, isTrusted: model.isTrusted });
    this.#opened.set(variant, opening);
    return opening;
  }

  /** Closes what was opened to read the folder. */
  rest(): void {
    this.#model?.rest();
  }

  /** Lets others write the folder, if it is one of this device. */
  release(): void {
    this.#model?.release();
  }

  #onFetched(path: string, loaded: number): void {
    this.#loaded.set(path, loaded);
    const sum = [...this.#loaded.values()].reduce((a, b) => a + b, 0);
    if (this.#total > 0) {
      this.#onEvent({ type: 'loadProgress', phase: 'download', loaded: sum, total: this.#total, detail: path });
    }
  }

  /** Reports weights that are read for a session; once they are all there, making the session continues. */
  #onRead(path: string, bytes: number): void {
    const whole = this.#model?.manifest.files.find((file) => file.path === path)?.bytes ?? 0;
    if (this.#reported === null || whole < SMALL_BYTES) return;
    const there = (this.#read.get(path) ?? 0) + bytes;
    this.#read.set(path, there);
    const loaded = Math.min(
      this.#total,
      [...this.#read.values()].reduce((sum, read) => sum + read, 0),
    );
    this.#onEvent({ type: 'loadProgress', phase: 'upload', loaded, total: this.#total, detail: path });
    if (there >= whole) this.#onEvent(this.#reported);
  }
}
