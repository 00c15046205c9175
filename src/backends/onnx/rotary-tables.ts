/** The rotary tables of one sequence as tensors its decoder reads: on the host, or uploaded to the device. */
import type { PositionTables } from '../../architectures/architecture.ts';
import type { Activations } from '../../model/manifest.ts';
import type { Span } from '../../model/span.ts';
import { RotaryRows } from '../rotary-rows.ts';
import { activationType, asActivations } from './activations.ts';
import type { Runtime, Tensor } from './runtime.ts';

type Pair<T> = readonly [cos: T, sin: T];

/** Fills the tables and, on a device, uploads them. */
export class RotaryTables {
  readonly #runtime: Runtime;
  readonly #activations: Activations;
  readonly #rows: RotaryRows;
  #tensors: Pair<Tensor> | null = null;

  constructor(runtime: Runtime, positions: PositionTables, activations: Activations, capacity: number) {
    this.#runtime = runtime;
    this.#activations = activations;
    this.#rows = new RotaryRows(positions, capacity);
  }

  /** Tables for a prompt of `spans`, and for the text that will follow it. */
  fill(spans: readonly Span[]): void {
    if (this.#rows.fill(spans)) this.#upload();
  }

  /** Tables of another capacity with the same content. */
  grow(capacity: number): void {
    this.dispose();
    this.#rows.grow(capacity);
    if (this.#rows.areFilled) this.#upload();
  }

  /** `[capacity, headDim / 2]` each; on a device, the same tensors after every fill. Throws when nothing has been filled. */
  get tensors(): Pair<Tensor> {
    if (this.#tensors === null) throw new Error('setLayout() comes before a run');
    return this.#tensors;
  }

  /** Frees the device's copies. */
  dispose(): void {
    for (const table of this.#tensors ?? []) table.dispose();
    this.#tensors = null;
  }

  #upload(): void {
    const runtime = this.#runtime;
    const type = activationType(this.#activations);
    const dims = this.#rows.dims;
    const [cos, sin] = [
      asActivations(this.#rows.cos, this.#activations),
      asActivations(this.#rows.sin, this.#activations),
    ];
    if (runtime.kind === 'host') {
      this.#tensors = [runtime.tensor(type, cos, dims), runtime.tensor(type, sin, dims)];
    } else if (this.#tensors === null) {
      this.#tensors = [runtime.upload(type, cos, dims), runtime.upload(type, sin, dims)];
    } else {
      // In place, so that existing bindings stay valid.
      runtime.overwrite(this.#tensors[0], cos);
      runtime.overwrite(this.#tensors[1], sin);
    }
  }
}
