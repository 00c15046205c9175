/** One sequence on the decoder's ONNX graph: its KV cache, its rotary tables, and runs that extend the cache. */
import type { ForwardOptions, ForwardResult, Sequence, TokenInput } from '../../engine/backend.ts';
import type { Activations } from '../../model/manifest.ts';
import type { ModelDefinition } from '../../architectures/architecture.ts';
import type { Span } from '../../model/span.ts';
import { DECODER } from '../../onnx/graph-names.ts';
import { activationType } from './activations.ts';
import { Embedder } from './embedder.ts';
import { createKvCache, type KvCache } from './kv-cache.ts';
import { outputOf } from './outputs.ts';
import { RotaryTables } from './rotary-tables.ts';
import type { Runtime, Session, Tensors } from './runtime.ts';

/** What all sequences of a language model share. */
export interface TextGraphs<R extends Runtime = Runtime> {
  readonly runtime: R;
  readonly embedTokens: Session;
  readonly decoder: Session;
  readonly model: Pick<ModelDefinition, 'config' | 'positions'>;
  readonly activations: Activations;
}

/** A sequence on any runtime: every run is awaited. */
export class OnnxSequence implements Sequence {
  readonly #graphs: TextGraphs;
  readonly #embedder: Embedder;
  readonly #cache: KvCache;
  readonly #tables: RotaryTables;
  #capacity: number;
  #length = 0;

  /** Allocates the cache. */
  constructor(graphs: TextGraphs, capacity: number) {
    const { runtime, embedTokens, model, activations } = graphs;
    this.#capacity = capacity;
    this.#graphs = graphs;
    this.#embedder = new Embedder(runtime, embedTokens);
    this.#cache = createKvCache(runtime, model.config.text, activationType(activations), capacity);
    this.#tables = new RotaryTables(runtime, model.positions, activations, capacity);
  }

  get capacity(): number {
    return this.#capacity;
  }

  get length(): number {
    return this.#length;
  }

  setLayout(spans: readonly Span[]): void {
    this.#tables.fill(spans);
  }

  async forward(inputs: readonly TokenInput[], { logitsRows, wantLogits }: ForwardOptions): Promise<ForwardResult> {
    const { runtime, decoder } = this.#graphs;
    const embeds = await this.#embedder.embed(inputs); // [1, tokens, hidden]
    const total = this.#length + (embeds.dims[1] ?? 0);
    const outputs: Record<string, null> = {};
    if (logitsRows > 0) outputs[DECODER.nextToken] = null;
    if (logitsRows > 0 && wantLogits) outputs[DECODER.logits] = null;
    let results: Tensors;
    try {
      results = await decoder.run(
        {
          [DECODER.inputsEmbeds]: embeds,
          [DECODER.seqlensK]: runtime.tensor('int32', Int32Array.of(total - 1), [1]),
          [DECODER.totalSequenceLength]: runtime.tensor('int32', Int32Array.of(total), []),
          // The graph always computes the logits of one row.
          [DECODER.logitsStart]: runtime.tensor('int64', BigInt64Array.of(BigInt(-Math.max(1, logitsRows))), [1]),
          ...this.sharedFeeds(),
        },
        { ...outputs, ...this.cacheOutputs() },
      );
    } finally {
      embeds.dispose();
    }
    this.#cache.take(results);
    this.#length = total;
    if (logitsRows === 0) return { greedy: [], logits: null };
    return { greedy: await readTokens(results), logits: wantLogits ? await readLogits(results) : null };
  }

  async truncate(length: number): Promise<void> {
    if (length >= this.#length) return;
    await this.#cache.truncate(length);
    this.#length = length;
  }

  async grow(capacity: number): Promise<void> {
    await this.#cache.grow(capacity, this.#length);
    this.#tables.grow(capacity);
    this.#capacity = capacity;
  }

  dispose(): void {
    this.#cache.dispose();
    this.#tables.dispose();
  }

  /** Inputs of every run that change only with the layout: the past and the rotary tables. */
  protected sharedFeeds(): Tensors {
    const [cos, sin] = this.#tables.tensors;
    return { [DECODER.cosCache]: cos, [DECODER.sinCache]: sin, ...this.#cache.feeds() };
  }

  /** Where every run writes the present. */
  protected cacheOutputs(): ReturnType<KvCache['outputs']> {
    return this.#cache.outputs();
  }

  /** Counts the token that a submitted step writes into the cache; returns the new length. */
  protected countStep(): number {
    return ++this.#length;
  }
}

/** The arg max of every logits row. */
async function readTokens(results: Tensors): Promise<number[]> {
  const tensor = outputOf(results, DECODER.nextToken); // [1, rows]
  const tokens = Array.from(await tensor.read(), Number);
  tensor.dispose();
  return tokens;
}

/** `[rows, vocab]`. */
async function readLogits(results: Tensors): Promise<Float32Array> {
  const tensor = outputOf(results, DECODER.logits); // [1, rows, vocab]
  const logits = await tensor.read();
  tensor.dispose();
  if (!(logits instanceof Float32Array)) throw new TypeError('logits are f32');
  return logits;
}
