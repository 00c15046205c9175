/** Distances between predictions, against values computed by hand. */
import { describe, expect, it } from 'vitest';
import { LogitDistances } from '../../src/evaluation/logit-distance.ts';

const logs = (...probabilities: readonly number[]): Float32Array => Float32Array.from(probabilities, Math.log);

describe('LogitDistances', () => {
  it('are zero between equal predictions, whatever constant shifts the logits', () => {
    const distances = new LogitDistances();
    distances.add(logs(0.7, 0.2, 0.1), logs(0.7, 0.2, 0.1));
    distances.add(logs(7, 2, 1), logs(0.7, 0.2, 0.1));
    const { positions, divergence, sameTop } = distances.mean;
    expect([positions, sameTop]).toEqual([2, 1]);
    expect(divergence).toBeCloseTo(0, 6);
  });

  it('average divergence, cosine and the most likely token over positions', () => {
    const distances = new LogitDistances();
    distances.add(logs(0.25, 0.75), logs(0.5, 0.5));
    distances.add(logs(0.25, 0.75), logs(0.75, 0.25));
    const first = 0.5 * Math.log(0.5 / 0.25) + 0.5 * Math.log(0.5 / 0.75);
    const second = 0.75 * Math.log(3) + 0.25 * Math.log(1 / 3);
    expect(distances.mean.divergence).toBeCloseTo((first + second) / 2, 6);
    expect(distances.mean.sameTop).toBe(0); // of two equally likely tokens the first counts
    const others = new LogitDistances();
    others.add(Float32Array.of(1, 0), Float32Array.of(0, 1));
    others.add(Float32Array.of(2, 0), Float32Array.of(1, 0));
    expect(others.mean.cosine).toBeCloseTo(0.5, 6);
  });

  it('refuse predictions over different vocabularies', () => {
    expect(() => new LogitDistances().add(new Float32Array(2), new Float32Array(3))).toThrow(RangeError);
  });

  it('do not overflow on large logits', () => {
    const distances = new LogitDistances();
    distances.add(Float32Array.of(1000, 0), Float32Array.of(1000, 1));
    expect(distances.mean.divergence).toBeCloseTo(0, 6);
  });
});
