/**
 * A machine without weights. Its attention check is honest arithmetic; its vision encoder, embedding and decoder move
 * markers: every token's first channel is its id (or a mark of the image's pixels), the "KV cache" holds these, and a
 * script looks at the whole cache and says which token follows. A cache that is used wrongly gives wrong tokens.
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
} from '../../src/model/graph-names.ts';
import type { ModelConfig } from '../../src/model/model-config.ts';
import { joinedShape } from '../../src/backends/onnx/ort-tensors.ts';
import type {
  Rows,
  Runtime,
  Session,
  SessionFiles,
  Tensor,
  TensorData,
  TensorType,
} from '../../src/backends/onnx/runtime.ts';

/** Which token follows a sequence, and (for sampling) the logits. Images' tokens are negative. */
export interface Script {
  next(sequence: readonly number[]): number;
  logits?(sequence: readonly number[]): Float32Array;
}

/** One run of a graph. */
export interface RecordedRun {
  readonly graph: string;
  /** Tokens (decoder, embedding) or patches (vision encoder) of this run. */
  readonly tokens: number;
  /** Decoder only: tokens in the cache after this run. */
  readonly total: number;
}

/** What a test may set. */
export interface ScriptedOptions {
  readonly geometry: ModelConfig;
  readonly script: Script;
  readonly staticCache: boolean;
  readonly concurrent: boolean;
  /** Whether steps may be submitted ahead of their tokens; not given: no. */
  readonly pipelined?: boolean;
  /** Called before what `readLater` copied arrives; it may wait, or throw. */
  readonly beforeArrival?: () => void | Promise<void>;
  /** Called before a run; may throw, wait, or stop the engine. */
  readonly beforeRun?: (run: RecordedRun) => void | Promise<void>;
  /** Whether its sessions check themselves; not given: no. */
  readonly checksItself?: boolean;
  /** Makes the attention check wrong. */
  readonly wrongAttention?: boolean;
  /** Makes an allocation fail. */
  readonly failAllocation?: () => boolean;
}

/** A host tensor that knows whether it was disposed of. */
class HostTensor implements Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
  disposed = false;
  readonly #onDispose: () => void;

  constructor(type: TensorType, data: TensorData, dims: readonly number[], onDispose = (): void => undefined) {
    const size = dims.reduce((a, b) => a * b, 1);
    if (data.length !== size) throw new Error(`${data.length} elements for [${dims}]`);
    this.type = type;
    this.data = data;
    this.dims = dims;
    this.#onDispose = onDispose;
  }

  async read(): Promise<TensorData> {
    if (this.disposed) throw new Error('read after dispose');
    return this.data;
  }

  dispose(): void {
    this.disposed = true;
    this.#onDispose();
  }
}

/** The machine. */
export class ScriptedRuntime implements Runtime {
  readonly staticCache: boolean;
  readonly concurrent: boolean;
  readonly pipelined: boolean;
  readonly checksItself: boolean;
  /** What `readLater` has copied and not delivered yet, and the most that ever was. */
  inFlight = 0;
  mostInFlight = 0;
  /** Tensors on the device that have not been disposed of. */
  readonly allocated = new Set<Tensor>();
  beforeArrival: () => void | Promise<void>;
  readonly runs: RecordedRun[] = [];
  readonly released: string[] = [];
  /** Runs under way now, and the most there ever were. */
  running = 0;
  mostRunning = 0;
  script: Script;
  beforeRun: ((run: RecordedRun) => void | Promise<void>) | undefined;
  readonly #options: ScriptedOptions;

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.staticCache = options.staticCache;
    this.concurrent = options.concurrent;
    this.pipelined = options.pipelined ?? false;
    this.checksItself = options.checksItself ?? false;
    this.beforeArrival = options.beforeArrival ?? (() => new Promise((resolve) => setTimeout(resolve, 3)));
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
        this.running++;
        this.mostRunning = Math.max(this.mostRunning, this.running);
        try {
          for (const [name, tensor] of Object.entries(feeds)) {
            if (host(tensor).disposed) throw new Error(`${name} of ${graph} was disposed of`);
          }
          const record = recordOf(graph, feeds);
          await this.beforeRun?.(record);
          if (this.concurrent) await new Promise((resolve) => setImmediate(resolve));
          this.runs.push(record);
          return inPlace(run(feeds, outputs), outputs);
        } finally {
          this.running--;
        }
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
    return new HostTensor(type, data.slice(), dims);
  }

  overwrite(tensor: Tensor, data: TensorData): void {
    if (!(tensor instanceof HostTensor) || tensor.data.length !== data.length) throw new Error('numbers over others');
    if (tensor.disposed) throw new Error('overwritten after dispose');
    for (const [i, value] of data.entries()) tensor.data[i] = value;
  }

  allocate(type: TensorType, dims: readonly number[]): Tensor {
    if (this.#options.failAllocation?.() === true) throw new Error('out of device memory');
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

  async readLater(tensor: Tensor): Promise<TensorData> {
    const data = (await tensor.read()).slice();
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    try {
      await this.beforeArrival();
      return data;
    } finally {
      this.inFlight--;
    }
  }

  async dispose(): Promise<void> {
    this.released.push('runtime');
  }

  /** Every feature is a mark of the image's pixels, smaller than any slot's mark. */
  #visionEncoder(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const pixels = floats(of(feeds, VISION_ENCODER.pixelValues));
    const groups = of(feeds, VISION_ENCODER.windowIndex).dims[0] ?? 0;
    const width = this.#options.geometry.text.hiddenSize;
    const sum = pixels.reduce((a, b) => a + Math.abs(b), 0);
    const mark = -1 - (Math.round(sum * 10) % 1_000_000);
    return { [VISION_ENCODER.imageFeatures]: marked(Array<number>(groups).fill(mark), width) };
  }

  #embedTokens(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const ids = host(of(feeds, EMBED_TOKENS.inputIds)).data;
    return { [EMBED_TOKENS.inputsEmbeds]: marked(Array.from(ids, Number), this.#options.geometry.text.hiddenSize) };
  }

  #decoder(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): Record<string, Tensor> {
    const { numLayers, numKvHeads, headDim, hiddenSize } = this.#options.geometry.text;
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
        const newLength = this.staticCache ? length : total;
        if (!this.staticCache && length !== past) throw new Error(`a past of ${length} tokens where ${past} are meant`);
        if (newLength < total) throw new Error(`a cache of ${newLength} for ${total} tokens`);
        const data = this.staticCache ? floats(old) : new Float32Array(numKvHeads * newLength * headDim);
        if (this.staticCache && target !== old) throw new Error(`${presentName} is not written in place`);
        for (let head = 0; head < numKvHeads; head++) {
          if (!this.staticCache) {
            const from = floats(old).subarray(head * length * headDim, (head + 1) * length * headDim);
            data.set(from, head * newLength * headDim);
          }
          for (let i = 0; i < count; i++) {
            const at = (head * newLength + past + i) * headDim;
            data.fill(marks[i] ?? NaN, at, at + headDim);
          }
          sequences.push(Array.from({ length: total }, (_, i) => data[(head * newLength + i) * headDim] ?? NaN));
        }
        results[presentName] = this.staticCache
          ? old
          : new HostTensor('float32', data, [1, numKvHeads, newLength, headDim]);
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
      const logits = this.script.logits?.(sequence) ?? new Float32Array(this.#options.geometry.text.vocabSize);
      results[DECODER.logits] = new HostTensor('float32', logits, [1, 1, logits.length]);
    }
    return results;
  }

  /** Both attentions in plain arithmetic. */
  #attentionCheck(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor | null>>,
  ): Record<string, Tensor> {
    if (ATTENTION_CHECK.visionAttention in outputs) return this.#windowed(feeds);
    const { numHeads, numKvHeads, headDim } = this.#options.geometry.text;
    const width = (numHeads + 2 * numKvHeads) * headDim;
    const qkv = floats(of(feeds, ATTENTION_CHECK.packedQkv));
    const count = qkv.length / width;
    const total = Number(host(of(feeds, ATTENTION_CHECK.totalSequenceLength)).data[0]);
    const past = total - count;
    const cos = floats(of(feeds, ATTENTION_CHECK.cosCache));
    const sin = floats(of(feeds, ATTENTION_CHECK.sinCache));
    const rotated = (token: number, head: number): number[] => {
      const half = headDim / 2;
      const x = qkv.subarray(token * width + head * headDim, token * width + (head + 1) * headDim);
      return Array.from(x, (_, j) => {
        const row = (past + token) * half + (j % half);
        const partner = j < half ? -(x[j + half] ?? 0) : (x[j - half] ?? 0);
        return (x[j] ?? 0) * (cos[row] ?? 1) + partner * (sin[row] ?? 0);
      });
    };
    const grow = (name: string, of1: (token: number, kvHead: number) => ArrayLike<number>): HostTensor => {
      const old = host(of(feeds, name));
      const length = old.dims[2] ?? 0;
      const newLength = this.staticCache ? length : total;
      const data = new Float32Array(numKvHeads * newLength * headDim);
      for (let head = 0; head < numKvHeads; head++) {
        data.set(
          floats(old).subarray(head * length * headDim, (head * length + past) * headDim),
          head * newLength * headDim,
        );
        for (let i = 0; i < count; i++) data.set(of1(i, head), (head * newLength + past + i) * headDim);
      }
      if (this.staticCache) floats(old).set(data);
      return this.staticCache ? old : new HostTensor('float32', data, [1, numKvHeads, newLength, headDim]);
    };
    const key = grow(ATTENTION_CHECK.pastKey, (token, head) => rotated(token, numHeads + head));
    const value = grow(ATTENTION_CHECK.pastValue, (token, head) => {
      const at = token * width + (numHeads + numKvHeads + head) * headDim;
      return qkv.subarray(at, at + headDim);
    });
    const length = key.dims[2] ?? 0;
    const out = new Float32Array(count * numHeads * headDim);
    for (let i = 0; i < count; i++) {
      for (let head = 0; head < numHeads; head++) {
        const kvHead = Math.floor((head * numKvHeads) / numHeads);
        const row = (tensor: HostTensor, j: number): Float32Array => {
          const at = (kvHead * length + j) * headDim;
          return floats(tensor).subarray(at, at + headDim);
        };
        const seen = Array.from({ length: past + i + 1 }, (_, j) => j);
        const attended = attend(
          rotated(i, head),
          seen.map((j) => row(key, j)),
          seen.map((j) => row(value, j)),
          () => 0,
        );
        out.set(attended, (i * numHeads + head) * headDim);
      }
    }
    if (this.#options.wrongAttention === true) out[out.length - 1] = 3;
    return {
      [ATTENTION_CHECK.attention]: new HostTensor('float32', out, [1, count, numHeads * headDim]),
      [ATTENTION_CHECK.presentKey]: key,
      [ATTENTION_CHECK.presentValue]: value,
    };
  }

  #windowed(feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const { numHeads, headDim } = this.#options.geometry.vision;
    const query = of(feeds, ATTENTION_CHECK.visionQuery);
    const [windows = 0, patches = 0, width = 0] = query.dims;
    const bias = floats(of(feeds, ATTENTION_CHECK.visionBias));
    const part = (name: string, window: number, patch: number, head: number): Float32Array => {
      const at = (window * patches + patch) * width + head * headDim;
      return floats(of(feeds, name)).subarray(at, at + headDim);
    };
    const out = new Float32Array(windows * patches * width);
    const all = Array.from({ length: patches }, (_, j) => j);
    for (let window = 0; window < windows; window++) {
      for (let head = 0; head < numHeads; head++) {
        const keys = all.map((j) => part(ATTENTION_CHECK.visionKey, window, j, head));
        const values = all.map((j) => part(ATTENTION_CHECK.visionValue, window, j, head));
        for (const i of all) {
          const q = part(ATTENTION_CHECK.visionQuery, window, i, head);
          const attended = attend(q, keys, values, (j) => bias[(window * patches + i) * patches + j] ?? 0);
          out.set(attended, (window * patches + i) * width + head * headDim);
        }
      }
    }
    return { [ATTENTION_CHECK.visionAttention]: new HostTensor('float32', out, query.dims) };
  }
}

function attend(
  query: ArrayLike<number>,
  keys: readonly Float32Array[],
  values: readonly Float32Array[],
  bias: (key: number) => number,
): number[] {
  const scores = keys.map(
    (key, j) => key.reduce((sum, k, d) => sum + k * (query[d] ?? 0), 0) / Math.sqrt(query.length) + bias(j),
  );
  const max = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - max));
  const sum = weights.reduce((a, b) => a + b, 0);
  return Array.from(query, (_, d) =>
    values.reduce((acc, value, j) => acc + ((weights[j] ?? 0) / sum) * (value[d] ?? 0), 0),
  );
}

/** Results, those that were given a tensor written into it. */
function inPlace(
  results: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor | null>>,
): Record<string, Tensor> {
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

function recordOf(graph: string, feeds: Readonly<Record<string, Tensor>>): RecordedRun {
  if (graph === 'decoder') {
    const total = Number(host(of(feeds, DECODER.totalSequenceLength)).data[0]);
    return { graph, tokens: of(feeds, DECODER.inputsEmbeds).dims[1] ?? 0, total };
  }
  if (graph === 'embed_tokens') return { graph, tokens: of(feeds, EMBED_TOKENS.inputIds).dims[1] ?? 0, total: 0 };
  if (graph === 'vision_encoder')
    return { graph, tokens: of(feeds, VISION_ENCODER.pixelValues).dims[0] ?? 0, total: 0 };
  return { graph, tokens: 0, total: 0 };
}

function of(feeds: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = feeds[name];
  if (tensor === undefined) throw new Error(`the run lacks ${name}`);
  return tensor;
}

function host(tensor: Tensor): HostTensor {
  if (tensor instanceof HostTensor) return tensor;
  throw new Error('a tensor of another runtime');
}

function floats(tensor: Tensor): Float32Array {
  const { data } = host(tensor);
  if (data instanceof Float32Array) return data;
  throw new Error('a tensor of floats was meant');
}
