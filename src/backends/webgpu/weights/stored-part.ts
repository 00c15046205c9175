/** A part of a model as its folder stores it: the initializers of its graph, and the files that hold their bytes. */
import { readExternalWeights } from '../../../onnx/read-initializers.ts';
import type { Weights } from './stored-matrix.ts';
import type { DataFile } from './weight-store.ts';

/** The weights of a graph whose place kernels take. */
export interface StoredPart {
  readonly initializers: Weights;
  readonly files: readonly DataFile[];
}

/** Reads a graph's initializers. Throws RangeError when the graph is no whole ONNX file. */
export async function readStoredPart(graph: Blob, files: readonly DataFile[]): Promise<StoredPart> {
  return { initializers: readExternalWeights(new Uint8Array(await graph.arrayBuffer())), files };
}
