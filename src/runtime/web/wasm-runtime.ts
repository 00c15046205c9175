/** onnxruntime-web on WASM: f32 on the CPU, a growing cache, threads where the page is cross-origin isolated. */
import type { InferenceSession } from 'onnxruntime-common';
import { hostRows, unwrap, WrappedTensor } from '../ort-tensors.ts';
import type { Runtime, Session, SessionFiles, Tensor, TensorData, TensorType } from '../session.ts';
import type { Ort } from './ort-build.ts';

/** Makes a runtime of a loaded build. */
export function createWasmRuntime(ort: Ort): Runtime {
  return new WasmRuntime(ort);
}

class WasmRuntime implements Runtime {
  readonly staticCache = false;
  /** A run blocks its thread: a stop is noticed between runs. */
  readonly concurrent = false;
  readonly #ort: Ort;

  constructor(ort: Ort) {
    this.#ort = ort;
  }

  async createSession(files: SessionFiles): Promise<Session> {
    const graph = new Uint8Array(await files.graph.arrayBuffer());
    const externalData = await Promise.all(
      files.data.map(async ({ path, blob }) => ({ path, data: new Uint8Array(await blob.arrayBuffer()) })),
    );
    return new WasmSession(
      await this.#ort.InferenceSession.create(graph, {
        executionProviders: ['wasm'],
        externalData,
        logSeverityLevel: 3,
      }),
    );
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new WrappedTensor(new this.#ort.Tensor(type, data, dims));
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return this.tensor(type, data, dims);
  }

  allocate(): Tensor {
    throw new Error('the WASM runtime has no device memory: its cache grows');
  }

  async rows(tensor: Tensor, first: number, count: number): Promise<Tensor> {
    const width = tensor.dims[2] ?? 0;
    return this.tensor(tensor.type, hostRows(await tensor.read(), width, first, count), [1, count, width]);
  }

  async dispose(): Promise<void> {
    // Sessions are released by whoever made them; the module's memory goes with the worker.
  }
}

class WasmSession implements Session {
  readonly #session: InferenceSession;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    const ortFeeds = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, unwrap(tensor)]));
    const results = await this.#session.run(ortFeeds, Object.keys(outputs));
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, new WrappedTensor(tensor)]));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
