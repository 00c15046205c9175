/** What a run has returned, by name. */
import type { Tensor, Tensors } from './runtime.ts';

/** An output that was asked for. Throws where the graph did not return it. */
export function outputOf(results: Tensors, name: string): Tensor {
  const tensor = results[name];
  if (tensor === undefined) throw new Error(`a graph returned no ${name}`);
  return tensor;
}
