/** The stored weights of one graph: its initializers, and the files that hold their bytes. */
import { readExternalWeights } from '../../../onnx/read-initializers.ts';
import type { Weights } from './stored-matrix.ts';
import type { DataFile } from './weight-store.ts';

/** The weights of a graph that our kernels replace. */
export interface StoredGraph {
  readonly initializers: Weights;
  readonly files: readonly DataFile[];
}

/** Reads a graph's initializers. Throws RangeError when the graph is not a complete ONNX file. */
export async function readStoredGraph(graph: Blob, files: readonly DataFile[]): Promise<StoredGraph> {
  return { initializers: readExternalWeights(new Uint8Array(await graph.arrayBuffer())), files };
}
