/** Embeddings of the decoder's inputs: text from its ids, images from their features. */
import type { TokenInput } from '../../engine/backend.ts';
import { EMBED_TOKENS } from '../../onnx/graph-names.ts';
import { tensorOf } from './image-features.ts';
import { outputOf } from './outputs.ts';
import type { Rows, Runtime, Session, Tensor } from './runtime.ts';

/** Makes embeddings. The caller disposes the result. */
export class Embedder {
  readonly #runtime: Runtime;
  readonly #session: Session;

  /** `session` runs the embedding lookup. */
  constructor(runtime: Runtime, session: Session) {
    this.#runtime = runtime;
    this.#session = session;
  }

  /** The inputs of a run, concatenated: `[1, tokens, hidden]`. Features stay where they are. */
  async embed(inputs: readonly TokenInput[]): Promise<Tensor> {
    const made: Tensor[] = [];
    try {
      const parts: Rows[] = [];
      for (const input of inputs) {
        if (input.kind === 'features') {
          parts.push({ tensor: tensorOf(input.features), first: input.first, count: input.count });
          continue;
        }
        const tensor = await this.#lookUp(input.ids);
        if (inputs.length === 1) return tensor;
        made.push(tensor);
        parts.push({ tensor, first: 0, count: input.ids.length });
      }
      return await this.#runtime.join(parts);
    } finally {
      for (const tensor of made) tensor.dispose();
    }
  }

  /** `[1, ids, hidden]`. */
  async #lookUp(ids: readonly number[]): Promise<Tensor> {
    const inputIds = this.#runtime.tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const results = await this.#session.run(
      { [EMBED_TOKENS.inputIds]: inputIds },
      { [EMBED_TOKENS.inputsEmbeds]: null },
    );
    return outputOf(results, EMBED_TOKENS.inputsEmbeds);
  }
}
