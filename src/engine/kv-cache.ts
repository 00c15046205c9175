/**
 * The KV cache, one key and one value tensor a layer. Static: fixed buffers on the device which runs write in place.
 * Growing: every run returns longer tensors. Both hand their tensors to a run and take back what it made.
 */
import type { ModelConfig } from '../model/model-config.ts';
import { pastKey, pastValue, presentKey, presentValue } from '../model/graph-names.ts';
import type { Runtime, Tensor, TensorData, TensorType } from '../backends/onnx/runtime.ts';

/** What the decoder asks of a cache. */
export interface KvCache {
  /** Tokens it can hold. */
  readonly capacity: number;
  /** The past, by input name. */
  feeds(): Readonly<Record<string, Tensor>>;
  /** Where the present goes, by output name. */
  outputs(): Readonly<Record<string, Tensor | null>>;
  /** Takes the present of a run that has ended. */
  take(results: Readonly<Record<string, Tensor>>): void;
  /** Forgets all but the first `length` tokens. */
  truncate(length: number): Promise<void>;
  dispose(): void;
}

/** Makes the kind of cache the runtime wants. */
export function createKvCache(
  runtime: Runtime,
  text: ModelConfig['text'],
  type: TensorType,
  capacity: number,
): KvCache {
  return runtime.staticCache
    ? new StaticKvCache(runtime, text, type, capacity)
    : new GrowingKvCache(runtime, text, type, capacity);
}

class StaticKvCache implements KvCache {
  readonly capacity: number;
  /** The same tensors by both names: made once, since every run asks for them. */
  readonly #feeds: Readonly<Record<string, Tensor>>;
  readonly #outputs: Readonly<Record<string, Tensor>>;

  constructor(
    runtime: Runtime,
    { numLayers, numKvHeads, headDim }: ModelConfig['text'],
    type: TensorType,
    capacity: number,
  ) {
    this.capacity = capacity;
    const tensors = layerNames(numLayers).map((names) => ({
      ...names,
      tensor: runtime.allocate(type, [1, numKvHeads, capacity, headDim]),
    }));
    this.#feeds = Object.fromEntries(tensors.map(({ past, tensor }) => [past, tensor]));
    this.#outputs = Object.fromEntries(tensors.map(({ present, tensor }) => [present, tensor]));
  }

  feeds(): Readonly<Record<string, Tensor>> {
    return this.#feeds;
  }

  outputs(): Readonly<Record<string, Tensor>> {
    return this.#outputs;
  }

  take(): void {
    // The run wrote the cache's own buffers.
  }

  async truncate(): Promise<void> {
    // Slots past the end are never read, and written before they are counted.
  }

  dispose(): void {
    for (const tensor of Object.values(this.#feeds)) tensor.dispose();
  }
}

class GrowingKvCache implements KvCache {
  readonly capacity: number;
  readonly #runtime: Runtime;
  readonly #names: readonly { readonly past: string; readonly present: string }[];
  #tensors: Map<string, Tensor>;

  constructor(
    runtime: Runtime,
    { numLayers, numKvHeads, headDim }: ModelConfig['text'],
    type: TensorType,
    capacity: number,
  ) {
    this.capacity = capacity;
    this.#runtime = runtime;
    this.#names = layerNames(numLayers);
    const empty = type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
    this.#tensors = new Map(
      this.#names.map(({ past }) => [past, runtime.tensor(type, empty, [1, numKvHeads, 0, headDim])]),
    );
  }

  feeds(): Record<string, Tensor> {
    return Object.fromEntries(this.#tensors);
  }

  outputs(): Record<string, Tensor | null> {
    return Object.fromEntries(this.#names.map(({ present }) => [present, null]));
  }

  take(results: Readonly<Record<string, Tensor>>): void {
    for (const { past, present } of this.#names) {
      const tensor = results[present];
      if (tensor === undefined) throw new Error(`the decoder returned no ${present}`);
      this.#tensors.get(past)?.dispose();
      this.#tensors.set(past, tensor);
    }
  }

  async truncate(length: number): Promise<void> {
    for (const [past, tensor] of this.#tensors) {
      const [, heads = 0, from = 0, headDim = 0] = tensor.dims;
      if (from <= length) continue;
      const data = cutLength(await tensor.read(), heads, from, length, headDim);
      tensor.dispose();
      this.#tensors.set(past, this.#runtime.tensor(tensor.type, data, [1, heads, length, headDim]));
    }
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }
}

/** `[heads, from, width]` cut to `[heads, length, width]`. */
function cutLength(data: TensorData, heads: number, from: number, length: number, width: number): TensorData {
  const cut = data.slice(0, heads * length * width);
  for (let head = 0; head < heads; head++) {
    const rows = data.subarray(head * from * width, (head * from + length) * width);
    if (cut instanceof BigInt64Array || rows instanceof BigInt64Array) throw new TypeError('a KV cache holds floats');
    cut.set(rows, head * length * width);
  }
  return cut;
}

function layerNames(layers: number): { past: string; present: string }[] {
  return Array.from({ length: layers }, (_, i) => [
    { past: pastKey(i), present: presentKey(i) },
    { past: pastValue(i), present: presentValue(i) },
  ]).flat();
}
