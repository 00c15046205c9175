/** Samples tokens from logits at a temperature above 0. Seeded, so that a run can be repeated. */
import type { TokenSource } from './generate.ts';

/** Draws tokens from softmax(logits / temperature). */
export class Sampler implements TokenSource {
  readonly readsLogits = true;
  readonly length = null;
  readonly #temperature: number;
  #state: number;

  constructor(temperature: number, seed: number) {
    this.#temperature = temperature;
    this.#state = seed >>> 0;
  }

  /** One token from `logits` `[vocab]`. */
  next(_index: number, logits: Float32Array | null): number {
    if (logits === null) throw new Error('a sampler reads logits');
    let max = -Infinity;
    for (const logit of logits) if (logit > max) max = logit;
    const weights = new Float64Array(logits.length);
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      sum += weights[i] = Math.exp(((logits[i] ?? -Infinity) - max) / this.#temperature);
    }
    let left = this.#uniform() * sum;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i] ?? 0;
      if (left < 0) return i;
    }
    return weights.length - 1;
  }

  /** mulberry32 by Tommy Ettinger (public domain): uniform in [0, 1). */
  #uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
}
