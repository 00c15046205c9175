/**
 * Output projections that config.json ties to the embedding although the checkpoint contains a separate one. As in transformers,
 * the separate one is used if it differs.
 * Source: transformers 5.18, `modeling_utils.py`, tie_weights.
 */
import type { ConvertibleModel } from '../architectures/architecture.ts';
import type { TensorStore } from './safetensors.ts';
import { bytesPerElement, decodeElements } from './safetensors.ts';
import type { TensorEntry } from './safetensors-header.ts';

/** Elements of either tensor that are compared at a time. */
const CHUNK_ELEMENTS = 1 << 20;

/** The model with its own output projection if the checkpoint has one that differs from the embedding; else the model unchanged. */
export async function withOwnHead(model: ConvertibleModel, store: TensorStore): Promise<ConvertibleModel> {
  const { checkpoint, tiedHead } = model;
  if (tiedHead === undefined) return model;
  const find = (names: readonly string[]): TensorEntry | undefined =>
    names.map((name) => store.tensors.get(name)).find((entry) => entry !== undefined);
  const own = find(tiedHead.ownNames);
  const embedding = find(checkpoint.spellings(tiedHead.embedding));
  if (own === undefined || embedding === undefined) return model;
  return (await areEqual(own, embedding, store)) ? model : tiedHead.untied().conversion();
}

async function areEqual(a: TensorEntry, b: TensorEntry, store: TensorStore): Promise<boolean> {
  if (a.shape.join() !== b.shape.join()) return false;
  const elements = a.shape.reduce((product, size) => product * size, 1);
  for (let first = 0; first < elements; first += CHUNK_ELEMENTS) {
    const count = Math.min(CHUNK_ELEMENTS, elements - first);
    const [left, right] = [await readElements(a, store, first, count), await readElements(b, store, first, count)];
    if (left.some((value, i) => value !== right[i])) return false;
  }
  return true;
}

async function readElements(
  entry: TensorEntry,
  store: TensorStore,
  first: number,
  count: number,
): Promise<Float32Array> {
  const size = bytesPerElement(entry);
  const start = entry.byteOffset + first * size;
  const bytes = await store.files
    .get(entry.file)
    ?.slice(start, start + count * size)
    .arrayBuffer();
  return decodeElements(entry, first, new Uint8Array(bytes ?? new ArrayBuffer(0)));
}
