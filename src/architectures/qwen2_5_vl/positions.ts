/**
 * M-RoPE: the (t, h, w) position of every token of a sequence, and the rotary angles that follow. Text advances all
 * three axes; an image's tokens share one t and span a grid of h and w; the next span continues from the largest position + 1.
 * Source: transformers modeling_qwen2_5_vl.py (get_rope_index, apply_multimodal_rotary_pos_emb).
 */
import type { QwenConfig } from './config.ts';
import { inverseFrequencies } from '../../model/rotary.ts';
import type { Span, TokenGrid } from '../../model/span.ts';

/** The positions of a span of tokens, three per token, and the position that comes after it. */
export interface SpanPositions {
  /** `[tokens, 3]`: t, h, w. */
  readonly positions: Int32Array;
  readonly next: number;
}

/** Positions of `count` text tokens, the first at `start`. */
export function textPositions(start: number, count: number): SpanPositions {
  const positions = new Int32Array(count * 3);
  for (let i = 0; i < count; i++) positions.fill(start + i, i * 3, i * 3 + 3);
  return { positions, next: start + count };
}

/** Positions of an image's tokens, row by row, from `start`. */
export function imagePositions(start: number, { height, width }: TokenGrid): SpanPositions {
  const positions = new Int32Array(height * width * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      positions[at++] = start;
      positions[at++] = start + row;
      positions[at++] = start + column;
    }
  }
  return { positions, next: start + Math.max(height, width, 1) };
}

/** Computes rows of the rotary tables. Angles are rounded to f32 where the reference rounds them. */
export class RotaryTable {
  readonly #inverseFrequencies: Float32Array;
  /** For each frequency, the axis (t 0, h 1, w 2) whose position it rotates with. */
  readonly #axes: Uint8Array;

  constructor({ headDim, ropeTheta, mropeSection }: QwenConfig['text']) {
    this.#inverseFrequencies = inverseFrequencies(ropeTheta, headDim);
    this.#axes = Uint8Array.from(mropeSection.flatMap((size, section) => new Array<number>(size).fill(section % 3)));
  }

  /** Elements of a row: headDim / 2. */
  get rowLength(): number {
    return this.#inverseFrequencies.length;
  }

  /** Writes cos and sin for `positions` (`[n, 3]`) into rows `firstRow`... of `[rows, headDim / 2]` tables. */
  fill(cos: Float32Array, sin: Float32Array, firstRow: number, positions: Int32Array): void {
    const half = this.rowLength;
    for (let i = 0; i < positions.length / 3; i++) {
      for (let j = 0; j < half; j++) {
        const position = positions[i * 3 + (this.#axes[j] ?? 0)] ?? 0;
        const angle = Math.fround(position * (this.#inverseFrequencies[j] ?? 0));
        const at = (firstRow + i) * half + j;
        cos[at] = Math.cos(angle);
        sin[at] = Math.sin(angle);
      }
    }
  }

  /** Writes whole tables `[slots, headDim / 2]` for a prompt of `spans` and the text that follows it. */
  fillPrompt(cos: Float32Array, sin: Float32Array, spans: readonly Span[]): void {
    let slot = 0;
    let next = 0;
    for (const span of spans) {
      const { positions, next: after } =
        span.kind === 'text' ? textPositions(next, span.tokens) : imagePositions(next, span.grid);
      this.fill(cos, sin, slot, positions);
      slot += positions.length / 3;
      next = after;
    }
    this.fill(cos, sin, slot, textPositions(next, cos.length / this.rowLength - slot).positions);
  }
}
