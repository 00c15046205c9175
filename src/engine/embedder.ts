/** Embeddings of what the decoder runs on: text by its ids, images by their features. */
import { EMBED_TOKENS } from '../model/graph-names.ts';
import type { Rows, Runtime, Session, Tensor } from '../backends/onnx/runtime.ts';
import type { Piece } from './prefill-chunks.ts';

/** Makes them. The caller disposes what it is given. */
export class Embedder {
  readonly #runtime: Runtime;
  readonly #session: Session;

  /** `session`: of the embedding lookup. */
  constructor(runtime: Runtime, session: Session) {
    this.#runtime = runtime;
    this.#session = session;
  }

  /** `[1, ids, hidden]`. */
  async ids(ids: readonly number[]): Promise<Tensor> {
    const inputIds = this.#runtime.tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
    const results = await this.#session.run(
      { [EMBED_TOKENS.inputIds]: inputIds },
      { [EMBED_TOKENS.inputsEmbeds]: null },
    );
    const embeds = results[EMBED_TOKENS.inputsEmbeds];
    if (embeds === undefined) throw new Error(`a graph returned no ${EMBED_TOKENS.inputsEmbeds}`);
    return embeds;
  }

  /** The pieces of a run behind each other: `[1, tokens, hidden]`. Features stay where they are. */
  async run(pieces: readonly Piece[]): Promise<Tensor> {
    const made: Tensor[] = [];
    try {
      const parts: Rows[] = [];
      for (const { segment, first, count } of pieces) {
        if (segment.kind === 'image') {
          parts.push({ tensor: await segment.features(), first, count });
          continue;
        }
        const tensor = await this.ids(segment.ids.slice(first, first + count));
        if (pieces.length === 1) return tensor;
        made.push(tensor);
        parts.push({ tensor, first: 0, count });
      }
      return await this.#runtime.join(parts);
    } finally {
      for (const tensor of made) tensor.dispose();
    }
  }
}
