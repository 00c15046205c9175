/** Sampling at a temperature, from all tokens or from the likeliest. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Sampler } from '../../src/engine/sampler.ts';

/** The nucleus as transformers' TopPLogitsWarper has it: tokens are taken by falling probability until topP is reached. */
function nucleus(logits: Float32Array, temperature: number, topP: number): ReadonlySet<number> {
  const max = Math.max(...logits);
  const weights = [...logits].map((logit) => Math.exp((logit - max) / temperature));
  const sum = weights.reduce((a, b) => a + b, 0);
  const order = weights.map((_, i) => i).toSorted((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
  const kept = new Set<number>();
  let mass = 0;
  for (const i of order) {
    if (kept.size > 0 && mass >= topP * sum) break;
    kept.add(i);
    mass += weights[i] ?? 0;
  }
  return kept;
}

const LOGITS = fc.float32Array({ minLength: 1, maxLength: 40, min: -20, max: 20, noNaN: true, noInteger: false });

describe('a sampler', () => {
  it('draws from the nucleus only', () => {
    fc.assert(
      fc.property(
        LOGITS,
        fc.double({ min: 0.1, max: 3, noNaN: true }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(),
        (logits, temperature, topP, seed) => {
          const sampler = new Sampler({ temperature, topP, seed });
          const allowed = nucleus(logits, temperature, topP);
          const likeliest = new Set([...allowed].map((i) => logits[i]));
          for (let i = 0; i < 20; i++) {
            const drawn = sampler.next(i, logits);
            expect(allowed.has(drawn) || likeliest.has(logits[drawn])).toBe(true); // equal logits may stand for each other
          }
        },
      ),
    );
  });

  it('draws the likeliest token where the share is 0', () => {
    const sampler = new Sampler({ temperature: 5, topP: 0, seed: 3 });
    const logits = Float32Array.of(0, 1, 3, 2.9, -4);
    expect(Array.from({ length: 50 }, (_, i) => sampler.next(i, logits))).toEqual(new Array(50).fill(2));
  });

  it('draws each token as often as its probability says', () => {
    const logits = Float32Array.of(0, 1, 2, 3);
    const draws = 20_000;
    for (const [topP, among] of [
      [1, [0, 1, 2, 3]],
      [0.9, [1, 2, 3]], // 0.64, 0.24, 0.09: the third makes it 0.97
      [0.8, [2, 3]],
    ] as const) {
      const sampler = new Sampler({ temperature: 1, topP, seed: 9 });
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < draws; i++) {
        const drawn = sampler.next(i, logits);
        counts[drawn] = (counts[drawn] ?? 0) + 1;
      }
      const drawable: readonly number[] = among;
      const sum = drawable.reduce((total, i) => total + Math.exp(i), 0);
      for (let i = 0; i < 4; i++) {
        const expected = drawable.includes(i) ? Math.exp(i) / sum : 0;
        expect((counts[i] ?? 0) / draws).toBeCloseTo(expected, 1);
      }
    }
  });

  it('repeats itself with the same seed, whatever logits are infinite', () => {
    const logits = Float32Array.of(1, -Infinity, 2, 0.5);
    const drawn = (seed: number) => {
      const sampler = new Sampler({ temperature: 2, topP: 0.95, seed });
      return Array.from({ length: 100 }, (_, i) => sampler.next(i, logits));
    };
    expect(drawn(4)).toEqual(drawn(4));
    expect(drawn(4)).not.toEqual(drawn(5));
    expect(drawn(4)).not.toContain(1);
  });
});
