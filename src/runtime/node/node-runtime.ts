/**
 * onnxruntime-node: the CPU provider, f32 activations, a growing cache. Graphs are opened by path, so that their external
 * data is mapped from disk and never copied through JavaScript.
 */
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { hostRows, unwrap, WrappedTensor } from '../ort-tensors.ts';
import type { Runtime, Session, SessionFiles, Tensor, TensorData, TensorType } from '../session.ts';

/** Makes a runtime for the model folder at `directory`, using `threads` threads (0: as many as onnxruntime likes). */
export function createNodeRuntime(directory: string, threads = 0): Runtime {
  return new NodeRuntime(directory, threads);
}

class NodeRuntime implements Runtime {
  readonly staticCache = false;
  readonly concurrent = true;
  readonly #directory: string;
  readonly #threads: number;

  constructor(directory: string, threads: number) {
    this.#directory = directory;
    this.#threads = threads;
  }

  async createSession(files: SessionFiles): Promise<Session> {
    const session = await InferenceSession.create(join(this.#directory, files.path), {
      executionProviders: ['cpu'],
      intraOpNumThreads: this.#threads,
      logSeverityLevel: 3,
    });
    return new NodeSession(session);
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new WrappedTensor(new OrtTensor(type, data, dims));
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return this.tensor(type, data, dims);
  }

  allocate(): Tensor {
    throw new Error('the node runtime has no device memory: its cache grows');
  }

  async rows(tensor: Tensor, first: number, count: number): Promise<Tensor> {
    const width = tensor.dims[2] ?? 0;
    return this.tensor(tensor.type, hostRows(await tensor.read(), width, first, count), [1, count, width]);
  }

  async dispose(): Promise<void> {
    // Sessions are released by whoever made them; there is nothing else.
  }
}

class NodeSession implements Session {
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
