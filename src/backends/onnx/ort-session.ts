/** Adapts a session of onnxruntime to `Session`: the web and the node package have the same API. */
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { unwrap, WrappedTensor } from './ort-tensors.ts';
import type { Session, Tensor } from './runtime.ts';

/** The engine's view of one onnxruntime session. */
export class OrtSession implements Session {
  readonly #session: InferenceSession;

  constructor(session: InferenceSession) {
    this.#session = session;
  }

  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): Promise<Readonly<Record<string, Tensor>>> {
    return this.bind(feeds, outputs)();
  }

  bind(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): () => Promise<Readonly<Record<string, Tensor>>> {
    const ortFeeds: Record<string, OrtTensor> = {};
    for (const name in feeds) {
      const tensor = feeds[name];
      if (tensor !== undefined) ortFeeds[name] = unwrap(tensor);
    }
    const fetches: Record<string, OrtTensor | null> = {};
    const given: Record<string, Tensor> = {};
    const made: string[] = [];
    for (const name in outputs) {
      const tensor = outputs[name] ?? null;
      fetches[name] = tensor === null ? null : unwrap(tensor);
      if (tensor === null) made.push(name);
      else given[name] = tensor;
    }
    return async () => {
      const results = await this.#session.run(ortFeeds, fetches);
      if (made.length === 0) return given;
      const all = { ...given };
      for (const name of made) {
        const result = results[name];
        if (result !== undefined) all[name] = new WrappedTensor(result);
      }
      return all;
    };
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
