/**
 * The rotary tables of one sequence: a row of cosines and one of sines for every slot of the KV cache, where the decoder
 * reads them.
 */
import { RotaryTable } from '../../architectures/qwen2_5_vl/positions.ts';
import type { Activations } from '../../model/manifest.ts';
import type { ModelConfig } from '../../model/model-config.ts';
import type { Span } from '../../model/span.ts';
import { activationType, asActivations } from './activations.ts';
import type { Runtime, Tensor } from './runtime.ts';

type Pair<T> = readonly [cos: T, sin: T];

/** Fills the tables, and uploads them where there is a device. */
export class RotaryTables {
  readonly #runtime: Runtime;
  readonly #activations: Activations;
  readonly #rows: RotaryTable;
  readonly #capacity: number;
  readonly #host: Pair<Float32Array>;
  #tensors: Pair<Tensor> | null = null;
  /** Where which images stand in the tables as they are: all that they depend on. */
  #layout = '';

  constructor(runtime: Runtime, text: ModelConfig['text'], activations: Activations, capacity: number) {
    this.#runtime = runtime;
    this.#activations = activations;
    this.#rows = new RotaryTable(text);
    this.#capacity = capacity;
    const elements = capacity * this.#rows.rowLength;
    this.#host = [new Float32Array(elements), new Float32Array(elements)];
  }

  /** Tables for a prompt of `spans`, and for the text that will follow it. */
  fill(spans: readonly Span[]): void {
    const layout = layoutOf(spans);
    if (this.#tensors !== null && layout === this.#layout) return;
    this.#rows.fillPrompt(...this.#host, spans);
    this.#upload();
    this.#layout = layout;
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
    const dims = [this.#capacity, this.#rows.rowLength];
    const [cos, sin] = [
      asActivations(this.#host[0], this.#activations),
      asActivations(this.#host[1], this.#activations),
    ];
    if (runtime.kind === 'host') {
      this.#tensors = [runtime.tensor(type, cos, dims), runtime.tensor(type, sin, dims)];
    } else if (this.#tensors === null) {
      this.#tensors = [runtime.upload(type, cos, dims), runtime.upload(type, sin, dims)];
    } else {
      // In place: what is bound to the tables stays bound.
      runtime.overwrite(this.#tensors[0], cos);
      runtime.overwrite(this.#tensors[1], sin);
    }
  }
}

/** Every image's first slot and grid: text counts on by itself. */
function layoutOf(spans: readonly Span[]): string {
  let slot = 0;
  let layout = '';
  for (const span of spans) {
    if (span.kind === 'text') {
      slot += span.tokens;
      continue;
    }
    const { height, width } = span.grid;
    layout += ` ${slot}:${height}x${width}`;
    slot += height * width;
  }
  return layout;
}
