/** A session of onnxruntime as the engine's: the web and the node package have the same API. */
import type { InferenceSession } from 'onnxruntime-common';
import { unwrap, WrappedTensor } from './ort-tensors.ts';
import type { Session, Tensor } from './session.ts';

/** The engine's view of one onnxruntime session. */
export class OrtSession implements Session {
  readonly #session: InferenceSession;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  async run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    const ortFeeds = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, unwrap(tensor)]));
    const fetches = Object.fromEntries(
      Object.entries(outputs).map(([name, tensor]) => [name, tensor === null ? null : unwrap(tensor)]),
    );
    const results = await this.#session.run(ortFeeds, fetches);
    return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, new WrappedTensor(tensor)]));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
