/** The language model on our kernels. */
import type { Sequence, TextModel } from '../../../engine/backend.ts';
import { Readback } from '../gpu/readback.ts';
import { type SequenceContext, WebGpuSequence } from './sequence.ts';

/** Tokens per prefill run: runs are only submitted, so a stop waits for none of them, and longer runs keep a large GPU busier. */
const PREFILL_CHUNK = 2048;

/** The language model with its weights. */
export class WebGpuTextModel implements TextModel {
  readonly vocabSize: number;
  readonly prefillChunk = PREFILL_CHUNK;
  readonly #shared: SequenceContext;

  constructor(shared: Omit<SequenceContext, 'readback'>) {
    const { device, model } = shared.context;
    this.vocabSize = model.text.vocabSize;
    this.#shared = { ...shared, readback: new Readback(device) };
  }

  async open(capacity: number): Promise<Sequence> {
    return new WebGpuSequence(this.#shared, capacity);
  }
}
