/** The language model through its ONNX graphs. */
import type { Sequence, TextModel } from '../../engine/backend.ts';
import { DeviceSequence } from './device-sequence.ts';
import { OnnxSequence, type TextGraphs } from './sequence.ts';

/** Tokens of a prefill run: a stop is noticed between runs, which the host computes one by one. */
const HOST_CHUNK = 512;
/** Where runs are only submitted, a stop waits for none of them, and longer runs keep a large GPU busier. */
const DEVICE_CHUNK = 2048;

/** The language model with its sessions. */
export class OnnxTextModel implements TextModel {
  readonly vocabSize: number;
  readonly prefillChunk: number;
  readonly #graphs: TextGraphs;

  constructor(graphs: TextGraphs) {
    this.vocabSize = graphs.model.config.text.vocabSize;
    this.prefillChunk = graphs.runtime.kind === 'device' ? DEVICE_CHUNK : HOST_CHUNK;
    this.#graphs = graphs;
  }

  async open(capacity: number): Promise<Sequence> {
    const { runtime, ...graphs } = this.#graphs;
    return runtime.kind === 'device'
      ? new DeviceSequence({ ...graphs, runtime }, capacity)
      : new OnnxSequence({ ...graphs, runtime }, capacity);
  }
}
