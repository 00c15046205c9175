/**
 * The KV cache, one key and one value tensor per layer. Static: fixed buffers on the device, written in place by each run.
 * Growing: every run returns longer tensors. Both feed their tensors to a run and take its results back.
 */
import type { ModelConfig } from '../../model/model-config.ts';
import { pastKey, pastValue, presentKey, presentValue } from '../../onnx/graph-names.ts';
import type {
  DeviceRuntime,
  HostRuntime,
  Outputs,
  Runtime,
  Tensor,
  TensorData,
  Tensors,
  TensorType,
} from './runtime.ts';

/** The KV cache of one sequence. */
export interface KvCache {
  /** The past, by input name. */
  feeds(): Tensors;
  /** Where the present goes, by output name. */
  outputs(): Outputs;
  /** Takes the present of a finished run; does nothing where the run wrote the cache's own buffers. */
  take(results: Tensors): void;
  /** Forgets all but the first `length` tokens. */
  truncate(length: number): Promise<void>;
  /** Makes room for `capacity` tokens and keeps the first `length`. The tensors may be others afterwards. */
  grow(capacity: number, length: number): Promise<void>;
  /** Frees device memory. */
  dispose(): void;
}

/** Makes a cache for the runtime: static on a device, growing on the host. A growing cache ignores `capacity`. */
export function createKvCache(
  runtime: Runtime,
  text: ModelConfig['text'],
  type: TensorType,
  capacity: number,
): KvCache {
  return runtime.kind === 'device'
    ? new StaticKvCache(runtime, text, type, capacity)
    : new GrowingKvCache(runtime, text, type);
}

class StaticKvCache implements KvCache {
  readonly #runtime: DeviceRuntime;
  readonly #names: ReturnType<typeof layerNames>;
  /** The same tensors under both names, made once because every run needs them. */
  readonly #feeds: Record<string, Tensor> = {};
  readonly #outputs: Record<string, Tensor> = {};

  constructor(
    runtime: DeviceRuntime,
    { numLayers, numKvHeads, headDim }: ModelConfig['text'],
    type: TensorType,
    capacity: number,
  ) {
    this.#runtime = runtime;
    this.#names = layerNames(numLayers);
    for (const { past, present } of this.#names) {
      const tensor = runtime.allocate(type, [1, numKvHeads, capacity, headDim]);
      this.#feeds[past] = this.#outputs[present] = tensor;
    }
  }

  feeds(): Tensors {
    return this.#feeds;
  }

  outputs(): Tensors {
    return this.#outputs;
  }

  take(): void {
    // The run wrote these buffers in place.
  }

  async truncate(): Promise<void> {
    // Slots past the end are never read, and are written before `length` reaches them.
  }

  /** Copies through the host, one tensor at a time, so that only one of them exists twice. */
  async grow(capacity: number, length: number): Promise<void> {
    for (const { past, present } of this.#names) {
      const tensor = this.#feeds[past];
      if (tensor === undefined) continue;
      const [, heads = 0, from = 0, width = 0] = tensor.dims;
      const data = restride(await tensor.read(), { heads, from, to: capacity, length, width });
      const grown = this.#runtime.upload(tensor.type, data, [1, heads, capacity, width]);
      tensor.dispose();
      this.#feeds[past] = this.#outputs[present] = grown;
    }
  }

  dispose(): void {
    for (const tensor of Object.values(this.#feeds)) tensor.dispose();
  }
}

class GrowingKvCache implements KvCache {
  readonly #runtime: HostRuntime;
  readonly #names: readonly { readonly past: string; readonly present: string }[];
  #tensors: Map<string, Tensor>;

  constructor(runtime: HostRuntime, { numLayers, numKvHeads, headDim }: ModelConfig['text'], type: TensorType) {
    this.#runtime = runtime;
    this.#names = layerNames(numLayers);
    const empty = type === 'float16' ? new Uint16Array(0) : new Float32Array(0);
    this.#tensors = new Map(
      this.#names.map(({ past }) => [past, runtime.tensor(type, empty, [1, numKvHeads, 0, headDim])]),
    );
  }

  feeds(): Tensors {
    return Object.fromEntries(this.#tensors);
  }

  outputs(): Outputs {
    return Object.fromEntries(this.#names.map(({ present }) => [present, null]));
  }

  take(results: Tensors): void {
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
      const data = restride(await tensor.read(), { heads, from, to: length, length, width: headDim });
      tensor.dispose();
      this.#tensors.set(past, this.#runtime.tensor(tensor.type, data, [1, heads, length, headDim]));
    }
  }

  async grow(): Promise<void> {
    // Every run returns tensors as long as it needs.
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
  }
}

/** The sizes of a cached tensor before and after a change of its length. */
interface Restride {
  readonly heads: number;
  /** Rows of a head there are, and will be. */
  readonly from: number;
  readonly to: number;
  /** Rows of a head that are copied. */
  readonly length: number;
  readonly width: number;
}

/** `[heads, from, width]` as `[heads, to, width]`: the first `length` rows of every head, then zeros. */
function restride(data: TensorData, { heads, from, to, length, width }: Restride): TensorData {
  const size = heads * to * width;
  const changed = data instanceof Uint16Array ? new Uint16Array(size) : new Float32Array(size);
  for (let head = 0; head < heads; head++) {
    const rows = data.subarray(head * from * width, (head * from + length) * width);
    if (rows instanceof BigInt64Array) throw new TypeError('a KV cache holds floats');
    changed.set(rows, head * to * width);
  }
  return changed;
}

function layerNames(layers: number): { past: string; present: string }[] {
  return Array.from({ length: layers }, (_, i) => [
    { past: pastKey(i), present: presentKey(i) },
    { past: pastValue(i), present: presentValue(i) },
  ]).flat();
}
