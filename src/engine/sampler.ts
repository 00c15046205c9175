/** Samples tokens from logits at a temperature above 0. Seeded, so that a run can be repeated. */
import type { TokenSource } from './generate.ts';

/** How tokens are drawn. */
export interface SamplerOptions {
  /** Above 0. */
  readonly temperature: number;
  /** Only the likeliest tokens whose probabilities sum to at least this are drawn, one at least; 1: all. */
  readonly topP: number;
  readonly seed: number;
}

/** Draws tokens from softmax(logits / temperature), or from its nucleus. */
export class Sampler implements TokenSource {
  readonly readsLogits = true;
  readonly length = null;
  readonly #options: SamplerOptions;
  #state: number;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#state = options.seed >>> 0;
  }

  /** One token from `logits` `[vocab]`. */
  next(_index: number, logits: Float32Array | null): number {
    if (logits === null) throw new Error('a sampler reads logits');
    const { temperature, topP } = this.#options;
    let max = -Infinity;
    for (const logit of logits) if (logit > max) max = logit;
    const weights = new Float64Array(logits.length);
    let sum = 0;
    for (let i = 0; i < logits.length; i++) {
      sum += weights[i] = Math.exp(((logits[i] ?? -Infinity) - max) / temperature);
    }
    if (topP < 1) sum = keepNucleus(weights, sum, topP);
    let left = this.#uniform() * sum;
    let last = 0;
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] ?? 0;
      if (weight > 0) last = i;
      left -= weight;
      if (left < 0) return i;
    }
    return last;
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

/**
 * Zeroes all but the nucleus: the fewest of the largest weights that make up at least `topP` of `sum`. Returns their sum.
 * Source: The Curious Case of Neural Text Degeneration (arXiv 1904.09751); as transformers' TopPLogitsWarper.
 */
function keepNucleus(weights: Float64Array, sum: number, topP: number): number {
  // All weights below this together make up less than 1 - topP: none of them is in the nucleus, and none need be sorted.
  const least = ((1 - topP) * sum) / weights.length;
  const candidates: number[] = [];
  for (let i = 0; i < weights.length; i++) {
    if ((weights[i] ?? 0) >= least) candidates.push(i);
    else weights[i] = 0;
  }
  candidates.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  let kept = 0;
  for (const i of candidates) {
    if (kept >= topP * sum && kept > 0) weights[i] = 0;
    else kept += weights[i] ?? 0;
  }
  return kept;
}
