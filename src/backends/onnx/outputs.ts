/** Looks up the outputs of a run by name. */
import type { Tensor, Tensors } from './runtime.ts';

/** A requested output. Throws if the graph did not return it. */
export function outputOf(results: Tensors, name: string): Tensor {
  const tensor = results[name];
  if (tensor === undefined) throw new Error(`a graph returned no ${name}`);
  return tensor;
}
