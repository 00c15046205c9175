/** The toy model's scalar reference: no cache, one position after the other. */
import type { Weights } from './checkpoint.ts';
import { EPSILON } from './graphs.ts';
import { GRID, PATCH_ELEMENTS, ROPE_THETA, type ToyConfig } from './toy-vl.ts';

/** A sequence of vectors. */
type Rows = number[][];

/** The reference of one model. */
export class ToyReference {
  readonly #weights: Weights;
  readonly #toy: ToyConfig;

  constructor(weights: Weights, toy: ToyConfig) {
    this.#weights = weights;
    this.#toy = toy;
  }

  /** Features `[patches, hidden]` of patches `[patches, 192]` in `columns` columns. */
  features(pixelValues: Float32Array, columns: number): Rows {
    const { visionSize, visionHeads, visionDepth } = this.#toy;
    const patches = pixelValues.length / PATCH_ELEMENTS;
    let x: Rows = Array.from({ length: patches }, (_, patch) => {
      const values = pixelValues.subarray(patch * PATCH_ELEMENTS, (patch + 1) * PATCH_ELEMENTS);
      const row = this.#row('vision.rows.weight', Math.floor(patch / columns), GRID);
      const column = this.#row('vision.columns.weight', patch % columns, GRID);
      return this.#linear('vision.patch', [...values]).map((value, i) => value + at(row, i) + at(column, i));
    });
    for (let i = 0; i < visionDepth; i++) {
      const heads = { heads: visionHeads, headDim: visionSize / visionHeads, isCausal: false };
      x = this.#layer(`vision.layers.${i}`, x, heads);
    }
    return x.map((row) => this.#linear('vision.projector', this.#norm('vision.norm', row)));
  }

  /** Logits `[seq, vocab]` of embeddings `[seq, hidden]`. */
  logits(embeddings: Rows): Rows {
    const { numHeads, headDim, numLayers } = this.#toy;
    let x = embeddings;
    for (let i = 0; i < numLayers; i++) {
      x = this.#layer(`text.layers.${i}`, x, { heads: numHeads, headDim, isCausal: true });
    }
    return x.map((row) => this.#linear('text.head', this.#norm('text.norm', row)));
  }

  /** Embedding of a token. */
  embedding(id: number): number[] {
    return this.#row('text.embed.weight', id, this.#toy.vocabSize);
  }

  #layer(name: string, x: Rows, options: AttentionOptions): Rows {
    const qkv = x.map((row) => this.#linear(`${name}.qkv`, this.#norm(`${name}.norm1`, row)));
    const middle = attend(qkv, options).map((row, i) => add(x[i] ?? [], this.#linear(`${name}.proj`, row)));
    return middle.map((row) => {
      const intermediate = this.#linear(`${name}.fc1`, this.#norm(`${name}.norm2`, row)).map(gelu);
      return add(row, this.#linear(`${name}.fc2`, intermediate));
    });
  }

  #linear(name: string, x: readonly number[]): number[] {
    const { shape, values } = this.#tensor(`${name}.weight`);
    const bias = this.#tensor(`${name}.bias`).values;
    const [out = 0, into = 0] = shape;
    return Array.from({ length: out }, (_, row) =>
      x.reduce((sum, value, i) => sum + value * at(values, row * into + i), at(bias, row)),
    );
  }

  #norm(name: string, x: readonly number[]): number[] {
    const weight = this.#tensor(`${name}.weight`).values;
    const bias = this.#tensor(`${name}.bias`).values;
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
    return x.map((value, i) => ((value - mean) / Math.sqrt(variance + EPSILON)) * at(weight, i) + at(bias, i));
  }

  #row(name: string, row: number, rows: number): number[] {
    const { values } = this.#tensor(name);
    const length = values.length / rows;
    return [...values.subarray(row * length, (row + 1) * length)];
  }

  #tensor(name: string): { readonly shape: readonly number[]; readonly values: Float32Array } {
    const tensor = this.#weights.get(name);
    if (tensor === undefined) throw new Error(`no tensor ${name}`);
    return tensor;
  }
}

interface AttentionOptions {
  readonly heads: number;
  readonly headDim: number;
  /** A causal sequence is rotated by its positions; a vision tower's is not. */
  readonly isCausal: boolean;
}

/** Attention of packed rows query, key, value. */
function attend(qkv: Rows, { heads, headDim, isCausal }: AttentionOptions): Rows {
  const size = heads * headDim;
  const part = (row: number, which: number, head: number): number[] => {
    const start = which * size + head * headDim;
    const vector = (qkv[row] ?? []).slice(start, start + headDim);
    return isCausal && which < 2 ? rotate(vector, row) : vector;
  };
  return qkv.map((_, row) =>
    Array.from({ length: heads }, (_, head) => {
      const query = part(row, 0, head);
      const keys = Array.from({ length: isCausal ? row + 1 : qkv.length }, (_, i) => i);
      const scores = keys.map((key) => dot(query, part(key, 1, head)) / Math.sqrt(headDim));
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const sum = weights.reduce((a, b) => a + b, 0);
      const result = new Array<number>(headDim).fill(0);
      keys.forEach((key, i) =>
        part(key, 2, head).forEach((value, j) => (result[j] = at(result, j) + (at(weights, i) / sum) * value)),
      );
      return result;
    }).flat(),
  );
}

/** Rotates the pairs (j, j + half) by the position times the j-th frequency. */
function rotate(x: readonly number[], position: number): number[] {
  const half = x.length / 2;
  return x.map((_, i) => {
    const j = i % half;
    const angle = position * ROPE_THETA ** ((-2 * j) / x.length);
    const [a, b] = [at(x, j), at(x, j + half)];
    return i < half ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
  });
}

/** GELU with the error function. */
function gelu(x: number): number {
  return 0.5 * x * (1 + erf(x / Math.SQRT2));
}

/** To 1e-12: the series near zero, the continued fraction farther out. Source: Abramowitz and Stegun 7.1.5, 7.1.14. */
function erf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  if (z < 3) {
    let term = z;
    let sum = z;
    for (let n = 1; Math.abs(term) > 1e-16; n++) {
      term *= -(z * z) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (z + fraction);
  return Math.sign(x) * (1 - Math.exp(-z * z) / ((z + fraction) * Math.sqrt(Math.PI)));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + at(b, i));
}

function at(values: ArrayLike<number>, i: number): number {
  return values[i] ?? NaN;
}
