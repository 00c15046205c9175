/** Deterministic pseudo-random numbers. */

/** Returns `count` numbers, uniform in [-1, 1), by a linear congruential generator (Numerical Recipes' constants). */
export function pseudoRandom(): (count: number) => Float32Array<ArrayBuffer> {
  let state = 1;
  return (count) =>
    Float32Array.from({ length: count }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 31 - 1;
    });
}
