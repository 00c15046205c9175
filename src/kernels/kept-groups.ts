/** Dispatches over buffers that stay the same from run to run: their bind groups are made once. */
import type { CommandStream } from './command-stream.ts';
import type { Compiled } from './compiler.ts';

/** The bind groups of one model's runs. */
export class KeptGroups {
  readonly #stream: CommandStream;
  readonly #groups = new Map<string, GPUBindGroup>();

  constructor(stream: CommandStream) {
    this.#stream = stream;
  }

  /** Dispatches a kernel; `key` tells its buffers from those of other uses, and they are asked for once. */
  dispatch(key: string, compiled: Compiled, grid: readonly number[], buffers: () => readonly GPUBuffer[]): void {
    let group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, (group = compiled.bind(buffers())));
    this.#stream.dispatch(compiled, group, grid);
  }

  /** Forgets all of them: buffers have changed. */
  clear(): void {
    this.#groups.clear();
  }
}
