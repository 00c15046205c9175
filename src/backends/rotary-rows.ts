/**
 * The rotary tables of one sequence on the host: a row of cosines and a row of sines for every slot of the KV cache. Each
 * backend copies them to its device.
 */
import type { PositionTables } from '../architectures/architecture.ts';
import type { Span } from '../model/span.ts';

/** Tables that are refilled only when the images' positions change. */
export class RotaryRows {
  /** `[capacity, rowLength]` each. */
  cos: Float32Array;
  sin: Float32Array;
  readonly #positions: PositionTables;
  /** The prompt the tables were filled for, and its images' positions: their content depends on nothing else. */
  #spans: readonly Span[] = [];
  #layout: string | null = null;

  constructor(positions: PositionTables, capacity: number) {
    this.#positions = positions;
    this.cos = new Float32Array(capacity * positions.rowLength);
    this.sin = new Float32Array(capacity * positions.rowLength);
  }

  /** The shape of each table. */
  get dims(): readonly [capacity: number, rowLength: number] {
    const { rowLength } = this.#positions;
    return [this.cos.length / rowLength, rowLength];
  }

  /** Whether the tables have been filled. */
  get areFilled(): boolean {
    return this.#layout !== null;
  }

  /** Fills the tables for a prompt of `spans` and the text that follows it; returns whether they changed. */
  fill(spans: readonly Span[]): boolean {
    const layout = layoutOf(spans);
    if (layout === this.#layout) return false;
    this.#positions.fillPrompt(this.cos, this.sin, spans);
    this.#layout = layout;
    this.#spans = spans;
    return true;
  }

  /** Tables of `capacity` rows with the same content, where they have been filled. */
  grow(capacity: number): void {
    this.cos = new Float32Array(capacity * this.#positions.rowLength);
    this.sin = new Float32Array(capacity * this.#positions.rowLength);
    if (this.areFilled) this.#positions.fillPrompt(this.cos, this.sin, this.#spans);
  }
}

/** Every image's first slot and grid: text positions follow from them. */
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
