/** The language model through its ONNX graphs. */
import type { Sequence, TextModel } from '../../engine/backend.ts';
import { DeviceSequence } from './device-sequence.ts';
import { OnnxSequence, type TextGraphs } from './sequence.ts';

/** Tokens per prefill run: the host computes runs one by one and notices a stop only between them. */
const HOST_CHUNK = 512;
/** On a device runs are only submitted, so a stop waits for none of them, and longer runs keep a large GPU busier. */
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
