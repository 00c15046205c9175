/** Dispatches over buffers that stay the same from run to run: their bind groups are made once. */
import type { CommandStream } from './command-stream.ts';
import type { Compiled } from './compiler.ts';

/** The bind groups of one model's runs. */
export class BindGroupCache {
  readonly #stream: CommandStream;
  readonly #groups = new Map<Compiled, Map<string, GPUBindGroup>>();

  constructor(stream: CommandStream) {
    this.#stream = stream;
  }

  /** Dispatches a kernel; `use` tells its buffers from those of its other uses, and they are asked for once. */
  dispatch(use: string, compiled: Compiled, grid: readonly number[], buffers: () => readonly GPUBuffer[]): void {
    let groups = this.#groups.get(compiled);
    if (groups === undefined) this.#groups.set(compiled, (groups = new Map()));
    let group = groups.get(use);
    if (group === undefined) groups.set(use, (group = compiled.bind(buffers())));
    this.#stream.dispatch(compiled, group, grid);
  }

  /** Forgets all of them: buffers have changed. */
  clear(): void {
    this.#groups.clear();
  }
}
