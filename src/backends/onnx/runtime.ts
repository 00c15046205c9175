/**
 * What the ONNX backend needs of a machine that runs graphs. Implementations: web/ (onnxruntime-web: WebGPU, WASM) and node/
 * (onnxruntime-node). Nothing above the backend knows this file, and a test can hand the backend a scripted runtime.
 */

/** Element types that cross the interface. f16 travels as its bits. */
export type TensorType = 'float32' | 'float16' | 'int64' | 'int32';

/** A host array for each {@link TensorType}. */
export type TensorData = Float32Array | Uint16Array | BigInt64Array | Int32Array;

/** A tensor, on the host or on the device. */
export interface Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** Copies it to the host; on the host already, gives the array itself. */
  read(): Promise<TensorData>;
  /** Frees device memory. Disposing twice, or a host tensor, does nothing. */
  dispose(): void;
}

/** Tensors by the graph's names. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Where outputs go, by the graph's names: into a given tensor, or at null into a new one. */
export type Outputs = Readonly<Record<string, Tensor | null>>;

/** Rows `[first, first + count)` of the second axis of a `[1, n, width]` tensor. */
export interface Rows {
  readonly tensor: Tensor;
  readonly first: number;
  readonly count: number;
}

/** A graph, ready to run. */
export interface Session {
  /**
   * Runs the graph. `outputs` names the wanted outputs; a tensor given for a name is written in place (it may be one of
   * the inputs: that is how a static cache works), otherwise a new tensor is returned, which the caller disposes.
   */
  run(feeds: Tensors, outputs: Outputs): Promise<Tensors>;
  /**
   * A run to be repeated: names and tensors are looked up once. A host tensor's array may be changed between repeats, and
   * what they return for outputs that were given is the tensors given.
   */
  bind(feeds: Tensors, outputs: Outputs): () => Promise<Tensors>;
  release(): Promise<void>;
}

/** What every machine can do. */
interface AnyRuntime {
  /** Whether awaiting a run leaves the thread free, so that a stop request can arrive meanwhile. */
  readonly leavesThreadFree: boolean;
  /** Makes a session of a graph file and its data files. One at a time: callers await each before the next. */
  createSession(graph: SessionFiles): Promise<Session>;
  /** A host array as a tensor; uploaded when it is used. */
  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor;
  /** Rows of `[1, n, width]` tensors of one type and width behind each other, as a new tensor where they lie. */
  join(parts: readonly Rows[]): Promise<Tensor>;
  /** Frees everything. The runtime is of no use afterwards. */
  dispose(): Promise<void>;
}

/** A machine whose tensors lie on the host. Its KV cache grows: every run returns longer tensors. */
export interface HostRuntime extends AnyRuntime {
  readonly kind: 'host';
}

/**
 * A machine with memory of its own, where the KV cache is a fixed buffer that runs write in place. A run whose outputs stay
 * there resolves when it is submitted, not when it is computed; runs are computed in the order of submission.
 */
export interface DeviceRuntime extends AnyRuntime {
  readonly kind: 'device';
  /** A host array copied to the device now, for tensors that many runs use. */
  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor;
  /** Overwrites an uploaded tensor with as many numbers; runs submitted before still read the old ones. */
  overwrite(tensor: Tensor, data: TensorData): void;
  /** An uninitialised tensor on the device. */
  allocate(type: TensorType, dims: readonly number[]): Tensor;
  /**
   * Copies what the tensor holds now to the host; resolves when it has arrived. Runs submitted meanwhile may already write
   * the tensor. For small tensors: the staging memory is kept for the next.
   */
  readLater(tensor: Tensor): Promise<TensorData>;
}

/** A machine that makes sessions and tensors. */
export type Runtime = HostRuntime | DeviceRuntime;

/** What a session is made of. */
export interface SessionFiles {
  /** The graph's path in the model folder. */
  readonly path: string;
  readonly graph: Blob;
  /** External data: path as the graph names it, and its bytes. */
  readonly data: readonly { readonly path: string; readonly blob: Blob }[];
  /** Outputs that stay on the device where there is one. */
  readonly deviceOutputs: readonly string[];
}
