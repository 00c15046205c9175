/** The language model by our kernels. */
import type { Sequence, TextModel } from '../../../engine/backend.ts';
import { Readback } from '../gpu/readback.ts';
import { type TextParts, WebGpuSequence } from './sequence.ts';

/** Tokens of a prefill run: runs are only submitted, so a stop waits for none of them, and longer ones keep a large GPU busier. */
const PREFILL_CHUNK = 2048;

/** The language model with its weights. */
export class WebGpuTextModel implements TextModel {
  readonly vocabSize: number;
  readonly prefillChunk = PREFILL_CHUNK;
  readonly #parts: TextParts;

  constructor(parts: Omit<TextParts, 'readback'>) {
    const { device, model } = parts.context;
    this.vocabSize = model.text.vocabSize;
    this.#parts = { ...parts, readback: new Readback(device) };
  }

  async open(capacity: number): Promise<Sequence> {
    return new WebGpuSequence(this.#parts, capacity);
  }
}
