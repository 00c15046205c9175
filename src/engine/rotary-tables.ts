/**
 * The rotary tables of one sequence: a row of cosines and one of sines for every slot of the KV cache, on the host and,
 * for the prompt at hand, on the device.
 */
import type { ModelConfig } from '../model/model-config.ts';
import { type Activations } from '../model/manifest.ts';
import type { Runtime, Tensor } from '../backends/onnx/runtime.ts';
import { asActivations, imagePositions, RotaryTable, textPositions } from './positions.ts';
import { type Segment, segmentTokens } from './segments.ts';

/** Fills and uploads the tables. */
export class RotaryTables {
  readonly #runtime: Runtime;
  readonly #activations: Activations;
  readonly #rows: RotaryTable;
  #cos = new Float32Array(0);
  #sin = new Float32Array(0);
  #uploaded: readonly [cos: Tensor, sin: Tensor] | null = null;
  /** Where which images stand in the tables on the device: all that they depend on. */
  #layout = '';

  constructor(runtime: Runtime, text: ModelConfig['text'], activations: Activations) {
    this.#runtime = runtime;
    this.#activations = activations;
    this.#rows = new RotaryTable(text);
  }

  /** Tables for `prompt`, and for text that goes on behind it up to `capacity` slots. */
  fill(prompt: readonly Segment[], capacity: number): void {
    const elements = capacity * this.#rows.rowLength;
    if (this.#cos.length !== elements) {
      this.#cos = new Float32Array(elements);
      this.#sin = new Float32Array(elements);
    }
    const layout = layoutOf(prompt, capacity);
    if (this.#uploaded !== null && layout === this.#layout) return;
    let slot = 0;
    let next = 0;
    for (const segment of prompt) {
      const span =
        segment.kind === 'text' ? textPositions(next, segment.ids.length) : imagePositions(next, segment.grid);
      this.#rows.fill(this.#cos, this.#sin, slot, span.positions);
      slot += span.positions.length / 3;
      next = span.next;
    }
    this.#rows.fill(this.#cos, this.#sin, slot, textPositions(next, capacity - slot).positions);
    this.#upload([capacity, this.#rows.rowLength]);
    this.#layout = layout;
  }

  /** `[capacity, headDim / 2]` each. Throws when nothing has been filled. */
  get tensors(): readonly [cos: Tensor, sin: Tensor] {
    if (this.#uploaded === null) throw new Error('rotary tables are filled before a run');
    return this.#uploaded;
  }

  /** Frees the device's copies. */
  dispose(): void {
    for (const table of this.#uploaded ?? []) table.dispose();
    this.#uploaded = null;
  }

  /** Copies the tables to the device: to where they are, if they fit, so that what is bound to them stays bound. */
  #upload(dims: readonly [capacity: number, rowLength: number]): void {
    const cos = asActivations(this.#cos, this.#activations);
    const sin = asActivations(this.#sin, this.#activations);
    if (this.#uploaded?.[0].dims[0] === dims[0]) {
      this.#runtime.overwrite(this.#uploaded[0], cos);
      this.#runtime.overwrite(this.#uploaded[1], sin);
      return;
    }
    this.dispose();
    const type = this.#activations === 'f16' ? 'float16' : 'float32';
    this.#uploaded = [this.#runtime.upload(type, cos, dims), this.#runtime.upload(type, sin, dims)];
  }
}

/** The capacity, and every image's first slot and grid: text counts on by itself. */
function layoutOf(prompt: readonly Segment[], capacity: number): string {
  let slot = 0;
  let layout = `${capacity}`;
  for (const segment of prompt) {
    if (segment.kind === 'image') layout += ` ${slot}:${segment.grid.height}x${segment.grid.width}`;
    slot += segmentTokens(segment);
  }
  return layout;
}
