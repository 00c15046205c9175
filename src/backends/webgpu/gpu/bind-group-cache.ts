/** Caches bind groups of dispatches whose buffers stay the same from run to run. */
import type { CommandStream } from './command-stream.ts';
import type { Compiled } from './compiler.ts';
import type { Dispatch } from './sized-kernel.ts';

/** What a dispatch binds. */
export interface Bound {
  /** Distinguishes these buffers from those of the kernel's other uses. */
  readonly use: string;
  /** All buffers in order; called only on a cache miss. */
  readonly buffers: () => readonly GPUBuffer[];
  /** The one buffer among them that may change between dispatches; null if none does. */
  readonly varying: GPUBuffer | null;
}

/** A bind group, and the varying buffer it was made with. */
interface Entry {
  readonly group: GPUBindGroup;
  readonly varying: GPUBuffer | null;
}

/** The bind groups of one model's runs. */
export class BindGroupCache {
  readonly #stream: CommandStream;
  readonly #entries = new Map<Compiled, Map<string, Entry>>();

  constructor(stream: CommandStream) {
    this.#stream = stream;
  }

  /** Dispatches a kernel over the buffers of a use. */
  dispatch({ compiled, grid }: Dispatch, { use, buffers, varying }: Bound): void {
    let entries = this.#entries.get(compiled);
    if (entries === undefined) this.#entries.set(compiled, (entries = new Map()));
    let entry = entries.get(use);
    if (entry === undefined || entry.varying !== varying) {
      entries.set(use, (entry = { group: compiled.bind(buffers()), varying }));
    }
    this.#stream.dispatch(compiled, entry.group, grid);
  }

  /** Drops all bind groups because buffers have changed. */
  clear(): void {
    this.#entries.clear();
  }
}
