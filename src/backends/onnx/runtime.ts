/**
 * The interface between the ONNX backend and a runtime that executes graphs. Implementations: web/ (onnxruntime-web: WebGPU, WASM) and node/
 * (onnxruntime-node). Nothing above the backend imports this file, and tests can pass the backend a scripted runtime.
 */

/** Element types that cross the interface. f16 travels as its bits. */
export type TensorType = 'float32' | 'float16' | 'int64' | 'int32';

/** A host array for each {@link TensorType}. */
export type TensorData = Float32Array | Uint16Array | BigInt64Array | Int32Array;

/** A tensor, on the host or on the device. */
export interface Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  /** Copies it to the host; a host tensor returns its own array. */
  read(): Promise<TensorData>;
  /** Frees device memory. Disposing twice, or a host tensor, does nothing. */
  dispose(): void;
}

/** Tensors by the graph's names. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Where outputs go, by the graph's names: into the given tensor, or into a new one for null. */
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
   * Runs the graph. `outputs` names the requested outputs; a tensor given for a name is written in place (it may be one of
   * the inputs, as in a static cache), otherwise a new tensor is returned, which the caller disposes.
   */
  run(feeds: Tensors, outputs: Outputs): Promise<Tensors>;
  /**
   * Prepares a run that is repeated: names and tensors are looked up once. A host tensor's array may change between runs.
   * For outputs given as tensors, each run returns those tensors.
   */
  bind(feeds: Tensors, outputs: Outputs): () => Promise<Tensors>;
  release(): Promise<void>;
}

/** What every runtime can do. */
interface AnyRuntime {
  /** Whether the thread stays free during a run, so that a stop request can arrive. */
  readonly leavesThreadFree: boolean;
  /** Creates a session from a graph file and its data files. Callers await each one before the next. */
  createSession(graph: SessionFiles): Promise<Session>;
  /** A host array as a tensor; uploaded when it is used. */
  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor;
  /** Concatenates rows of `[1, n, width]` tensors of one type and width into a new tensor on the same side. */
  join(parts: readonly Rows[]): Promise<Tensor>;
  /** Frees everything. The runtime cannot be used afterwards. */
  dispose(): Promise<void>;
}

/** A runtime whose tensors lie on the host. Its KV cache grows: every run returns longer tensors. */
export interface HostRuntime extends AnyRuntime {
  readonly kind: 'host';
}

/**
 * A runtime on a device with its own memory, where the KV cache is a fixed buffer that runs write in place. A run whose outputs
 * stay on the device resolves on submission, not on completion; runs execute in the order of submission.
 */
export interface DeviceRuntime extends AnyRuntime {
  readonly kind: 'device';
  /** Copies a host array to the device immediately, for tensors that many runs use. */
  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor;
  /** Overwrites an uploaded tensor with the same number of elements; runs submitted earlier still read the old values. */
  overwrite(tensor: Tensor, data: TensorData): void;
  /** An uninitialised tensor on the device. */
  allocate(type: TensorType, dims: readonly number[]): Tensor;
  /**
   * Copies the tensor's current content to the host; resolves on arrival. Runs submitted after this call may overwrite
   * the tensor. For small tensors: the staging memory is reused.
   */
  readLater(tensor: Tensor): Promise<TensorData>;
  /** Resolves once everything submitted so far is computed. */
  settled(): Promise<void>;
}

/** Makes sessions and tensors. */
export type Runtime = HostRuntime | DeviceRuntime;

/** The files of a session. */
export interface SessionFiles {
  /** The graph's path in the model folder. */
  readonly path: string;
  readonly graph: Blob;
  /** External data: path as the graph names it, and its bytes. */
  readonly data: readonly { readonly path: string; readonly blob: Blob }[];
  /** Outputs to leave on the device, if there is one. */
  readonly deviceOutputs: readonly string[];
}
