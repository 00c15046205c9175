/** How far one model's predictions are from another's, at the same positions of the same text. */

/** Means over positions. */
export interface LogitDistance {
  readonly positions: number;
  /** Kullback-Leibler divergence of the found distribution from the expected one, in nats. 0: the same. */
  readonly divergence: number;
  /** Cosine of the angle between the two vectors of logits. */
  readonly cosine: number;
  /** Share of positions whose most likely token is the same. */
  readonly sameTop: number;
}

/** Collects distances, position by position. */
export class LogitDistances {
  #positions = 0;
  #divergence = 0;
  #cosine = 0;
  #sameTop = 0;

  /** Adds one position's logits, `[vocab]` each. Throws RangeError when they differ in length. */
  add(found: Float32Array, expected: Float32Array): void {
    if (found.length !== expected.length) {
      throw new RangeError(`${found.length} logits cannot be compared with ${expected.length}`);
    }
    const [foundTotal, expectedTotal] = [logSumExp(found), logSumExp(expected)];
    let [divergence, product, foundSquare, expectedSquare] = [0, 0, 0, 0];
    for (let i = 0; i < found.length; i++) {
      const [a, b] = [found[i] ?? 0, expected[i] ?? 0];
      const logP = b - expectedTotal;
      divergence += Math.exp(logP) * (logP - (a - foundTotal));
      product += a * b;
      foundSquare += a * a;
      expectedSquare += b * b;
    }
    this.#positions++;
    this.#divergence += divergence;
    this.#cosine += product / Math.sqrt(foundSquare * expectedSquare);
    if (top(found) === top(expected)) this.#sameTop++;
  }

  /** The means so far; NaN before the first position. */
  get mean(): LogitDistance {
    const n = this.#positions;
    return {
      positions: n,
      divergence: this.#divergence / n,
      cosine: this.#cosine / n,
      sameTop: this.#sameTop / n,
    };
  }
}

function logSumExp(logits: Float32Array): number {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return most + Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0));
}

function top(logits: Float32Array): number {
  return logits.reduce((best, value, i) => (value > (logits[best] ?? 0) ? i : best), 0);
}
