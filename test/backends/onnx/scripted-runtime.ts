/**
 * A runtime without weights for the ONNX backend. It really computes the attention self-test; its vision encoder, embedding and
 * decoder move markers: every token's first channel is its id (or a mark of the image's pixels), the "KV cache" holds these, and
 * a script looks at the whole cache and chooses the next token. A cache that is used wrongly gives wrong tokens.
 */
import {
  ATTENTION_CHECK,
  DECODER,
  EMBED_TOKENS,
  pastKey,
  pastValue,
  presentKey,
  presentValue,
  VISION_ENCODER,
} from '../../../src/onnx/graph-names.ts';
import type { ModelConfig } from '../../../src/model/model-config.ts';
import { joinedShape } from '../../../src/backends/onnx/ort-tensors.ts';
import type { Script } from '../../helpers/scripted-backend.ts';
import { floats, host, HostTensor, of } from './host-tensor.ts';
import { groupedAttention, windowedAttention } from './scripted-attention.ts';
import type {
  Rows,
  Session,
  Outputs,
  SessionFiles,
  Tensor,
  Tensors,
  TensorData,
  TensorType,
} from '../../../src/backends/onnx/runtime.ts';

/** One run of a graph. */
export interface RecordedRun {
  readonly graph: string;
  /** Tokens (decoder, embedding) or patches (vision encoder) of this run. */
  readonly tokens: number;
  /** Decoder only: tokens in the cache after this run. */
  readonly total: number;
}

/** Options of a scripted runtime. */
export interface ScriptedOptions {
  readonly kind: 'host' | 'device';
  readonly config: ModelConfig;
  readonly script: Script;
  /** Called before a run; may throw. */
  readonly beforeRun?: (run: RecordedRun) => void | Promise<void>;
  /** Makes the attention self-test fail. */
  readonly wrongAttention?: boolean;
}

/** The runtime. */
export class ScriptedRuntime {
  readonly kind: 'host' | 'device';
  readonly leavesThreadFree = true;
  /** Tensors on the device that have not been disposed of. */
  readonly allocated = new Set<Tensor>();
  readonly runs: RecordedRun[] = [];
  readonly released: string[] = [];
  script: Script;
  beforeRun: ((run: RecordedRun) => void | Promise<void>) | undefined;
  readonly #options: ScriptedOptions;

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.script = options.script;
    this.beforeRun = options.beforeRun;
  }

  /** Decoder runs recorded so far. */
  get decoderRuns(): readonly RecordedRun[] {
    return this.runs.filter((run) => run.graph === 'decoder');
  }

  async createSession({ path }: SessionFiles): Promise<Session> {
    const graph = path.replace(/\..*/, '');
    const run = {
      attention_check: this.#attentionCheck.bind(this),
      vision_encoder: this.#visionEncoder.bind(this),
      embed_tokens: this.#embedTokens.bind(this),
      decoder: this.#decoder.bind(this),
    }[graph];
    if (run === undefined) throw new Error(`no graph ${graph}`);
    const session: Session = {
      bind: (feeds, outputs) => () => session.run(feeds, outputs),
      run: async (feeds, outputs) => {
        for (const [name, tensor] of Object.entries(feeds)) {
          if (host(tensor).disposed) throw new Error(`${name} of ${graph} was disposed of`);
        }
        const record = recordOf(graph, feeds);
        await this.beforeRun?.(record);
        await new Promise((resolve) => setImmediate(resolve));
        this.runs.push(record);
        return inPlace(run(feeds, outputs), outputs);
      },
      release: async () => {
        this.released.push(graph);
      },
    };
    return session;
  }

  tensor(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    return new HostTensor(type, data, dims);
  }

  upload(type: TensorType, data: TensorData, dims: readonly number[]): Tensor {
    const tensor = new HostTensor(type, data.slice(), dims, () => this.allocated.delete(tensor));
    this.allocated.add(tensor);
    return tensor;
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    if (!(tensor instanceof HostTensor) || tensor.data.length !== data.length) throw new Error('numbers over others');
    if (tensor.disposed) throw new Error('overwritten after dispose');
    for (const [i, value] of data.entries()) tensor.data[i] = value;
  }

  allocate(type: TensorType, dims: readonly number[]): Tensor {
    const size = dims.reduce((a, b) => a * b, 1);
    const data = type === 'int64' ? new BigInt64Array(size).fill(-1n) : new Float32Array(size).fill(NaN);
    const tensor = new HostTensor(type, data, dims, () => this.allocated.delete(tensor));
    this.allocated.add(tensor);
    return tensor;
  }

  async join(parts: readonly Rows[]): Promise<Tensor> {
    const { type, width, count } = joinedShape(parts);
    const rows = parts.map(({ tensor, first, count: some }) => [
      ...floats(tensor).subarray(first * width, (first + some) * width),
    ]);
    return new HostTensor(type, Float32Array.from(rows.flat()), [1, count, width]);
  }

  async settled(): Promise<void> {}

  async readLater(tensor: Tensor): Promise<TensorData> {
    return (await tensor.read()).slice();
  }

  async dispose(): Promise<void> {
    this.released.push('runtime');
  }

  #attentionCheck(feeds: Tensors, outputs: Outputs): Record<string, Tensor> {
    const { config, wrongAttention = false } = this.#options;
    if (ATTENTION_CHECK.visionAttention in outputs) return windowedAttention(feeds, config.vision);
    return groupedAttention(feeds, config.text, { inPlace: this.kind === 'device', wrong: wrongAttention });
  }

  /** Every feature is a mark of the image's pixels, smaller than any slot's mark. */
  #visionEncoder(feeds: Tensors): Record<string, Tensor> {
    const pixels = floats(of(feeds, VISION_ENCODER.pixelValues));
    const groups = of(feeds, VISION_ENCODER.windowIndex).dims[0] ?? 0;
    const width = this.#options.config.text.hiddenSize;
    const sum = pixels.reduce((a, b) => a + Math.abs(b), 0);
    const mark = -1 - (Math.round(sum * 10) % 1_000_000);
    return { [VISION_ENCODER.imageFeatures]: marked(Array<number>(groups).fill(mark), width) };
  }

  #embedTokens(feeds: Tensors): Record<string, Tensor> {
    const ids = host(of(feeds, EMBED_TOKENS.inputIds)).data;
    return { [EMBED_TOKENS.inputsEmbeds]: marked(Array.from(ids, Number), this.#options.config.text.hiddenSize) };
  }

  #decoder(feeds: Tensors, outputs: Outputs): Record<string, Tensor> {
    const { numLayers, numKvHeads, headDim, hiddenSize } = this.#options.config.text;
    const embeds = floats(of(feeds, DECODER.inputsEmbeds));
    const count = embeds.length / hiddenSize;
    const total = Number(host(of(feeds, DECODER.totalSequenceLength)).data[0]);
    const seqlens = Number(host(of(feeds, DECODER.seqlensK)).data[0]);
    if (seqlens !== total - 1) throw new Error(`seqlens_k ${seqlens} for ${total} tokens`);
    const past = total - count;
    const rows = of(feeds, DECODER.cosCache).dims[0] ?? 0;
    if (rows < total) throw new Error(`${rows} rotary rows for ${total} tokens`);
    const marks = Array.from({ length: count }, (_, i) => embeds[i * hiddenSize] ?? NaN);
    const results: Record<string, Tensor> = {};
    const sequences: number[][] = [];
    for (let layer = 0; layer < numLayers; layer++) {
      for (const [pastName, presentName] of [
        [pastKey(layer), presentKey(layer)],
        [pastValue(layer), presentValue(layer)],
      ] as const) {
        const old = of(feeds, pastName);
        const length = old.dims[2] ?? 0;
        const target = outputs[presentName];
        const newLength = this.kind === 'device' ? length : total;
        if (this.kind === 'host' && length !== past)
          throw new Error(`a past of ${length} tokens where ${past} are expected`);
        if (newLength < total) throw new Error(`a cache of ${newLength} for ${total} tokens`);
        const data = this.kind === 'device' ? floats(old) : new Float32Array(numKvHeads * newLength * headDim);
        if (this.kind === 'device' && target !== old) throw new Error(`${presentName} is not written in place`);
        for (let head = 0; head < numKvHeads; head++) {
          if (this.kind === 'host') {
            const from = floats(old).subarray(head * length * headDim, (head + 1) * length * headDim);
            data.set(from, head * newLength * headDim);
          }
          for (let i = 0; i < count; i++) {
            const at = (head * newLength + past + i) * headDim;
            data.fill(marks[i] ?? NaN, at, at + headDim);
          }
          sequences.push(Array.from({ length: total }, (_, i) => data[(head * newLength + i) * headDim] ?? NaN));
        }
        results[presentName] =
          this.kind === 'device' ? old : new HostTensor('float32', data, [1, numKvHeads, newLength, headDim]);
      }
    }
    const [sequence = []] = sequences;
    for (const other of sequences) {
      if (other.join() !== sequence.join()) throw new Error('the layers or heads of the cache hold different tokens');
    }
    if (DECODER.nextToken in outputs) {
      const start = Number(host(of(feeds, DECODER.logitsStart)).data[0]);
      const kept = Math.min(count, start < 0 ? -start : count - start);
      const next = Array.from({ length: kept }, (_, i) => this.script.next(sequence.slice(0, total - kept + 1 + i)));
      results[DECODER.nextToken] = new HostTensor('int64', BigInt64Array.from(next, BigInt), [1, kept]);
    }
    if (DECODER.logits in outputs) {
      const logits = this.script.logits?.(sequence) ?? new Float32Array(this.#options.config.text.vocabSize);
      results[DECODER.logits] = new HostTensor('float32', logits, [1, 1, logits.length]);
    }
    return results;
  }
}

/** The results; a result with a preallocated output is written into it. */
function inPlace(results: Tensors, outputs: Outputs): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(results).map(([name, result]) => {
      const target = outputs[name] ?? null;
      if (target === null || target === result) return [name, result];
      if (target.dims.join() !== result.dims.join()) throw new Error(`${name} does not fit its tensor`);
      const [to, from] = [host(target).data, host(result).data];
      if (to instanceof BigInt64Array && from instanceof BigInt64Array) to.set(from);
      else if (to instanceof Float32Array && from instanceof Float32Array) to.set(from);
      else throw new Error(`${name} is of another type than its tensor`);
      return [name, target];
    }),
  );
}

/** `[1, n, width]` whose channels all hold the token's mark. */
function marked(marks: readonly number[], width: number): Tensor {
  const data = new Float32Array(marks.length * width);
  marks.forEach((mark, i) => data.fill(mark, i * width, (i + 1) * width));
  return new HostTensor('float32', data, [1, marks.length, width]);
}

function recordOf(graph: string, feeds: Tensors): RecordedRun {
  if (graph === 'decoder') {
    const total = Number(host(of(feeds, DECODER.totalSequenceLength)).data[0]);
    return { graph, tokens: of(feeds, DECODER.inputsEmbeds).dims[1] ?? 0, total };
  }
  if (graph === 'embed_tokens') return { graph, tokens: of(feeds, EMBED_TOKENS.inputIds).dims[1] ?? 0, total: 0 };
  if (graph === 'vision_encoder')
    return { graph, tokens: of(feeds, VISION_ENCODER.pixelValues).dims[0] ?? 0, total: 0 };
  return { graph, tokens: 0, total: 0 };
}
