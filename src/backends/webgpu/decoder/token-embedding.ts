/** The embedding lookup: rows of the table for token ids that lie on the device. */
import type { KernelContext } from '../context.ts';
import type { Compiled } from '../gpu/compiler.ts';
import { embedKernel } from '../rows/text-rows.ts';
import { loadMatrix, type LoadedMatrix } from '../weights/loaded-matrix.ts';
import type { StoredGraph } from '../weights/stored-graph.ts';
import type { MatrixFormat } from '../weights/weight-reader.ts';
import type { WeightSet } from '../weights/weight-store.ts';
import { embeddingTable } from './decoder-weights.ts';

/** Bytes of a token id: i64. */
export const ID_BYTES = 8;

/** Smallest size of the ids buffer, bytes. */
const LEAST_ID_BYTES = 256;

/** Records lookups on one device. */
export class TokenEmbedding {
  readonly #context: KernelContext;
  readonly #weights: WeightSet;
  readonly #table: LoadedMatrix;
  readonly #kernel: { readonly compiled: Compiled; readonly groups: number };
  #ids: GPUBuffer | null = null;

  private constructor(
    context: KernelContext,
    weights: WeightSet,
    table: LoadedMatrix,
    kernel: { readonly compiled: Compiled; readonly groups: number },
  ) {
    this.#context = context;
    this.#weights = weights;
    this.#table = table;
    this.#kernel = kernel;
  }

  /**
   * Loads the table and compiles the kernel.
   * @throws RuntimeUnavailableError when the table has an unknown layout or the device cannot hold it
   */
  static async open(context: KernelContext, { initializers, files }: StoredGraph): Promise<TokenEmbedding> {
    const { model, compiler } = context;
    const stored = embeddingTable(initializers, model.text);
    const weights = context.weights.open(files);
    try {
      const table = await loadMatrix(weights, stored);
      const { kernel, groups } = embedKernel(table.format, model.activations);
      return new TokenEmbedding(context, weights, table, { compiled: await compiler.compile(kernel), groups });
    } catch (thrown) {
      weights.release();
      throw thrown;
    }
  }

  /** How the table is stored. */
  get format(): MatrixFormat {
    return this.#table.format;
  }

  /** Submits a lookup of ids from the host, which writes `[ids, hidden]` in the activations' type to the start of `embeds`. */
  submit(ids: readonly number[], embeds: GPUBuffer): void {
    const { stream } = this.#context;
    const buffer = this.#upload(BigInt64Array.from(ids, BigInt));
    stream.dispatch(this.#kernel.compiled, this.bind(buffer, embeds), [this.#kernel.groups, ids.length]);
    stream.submit();
  }

  /** The bind group of a lookup of i64 `ids` into `embeds`, for repeated recording. */
  bind(ids: GPUBuffer, embeds: GPUBuffer): GPUBindGroup {
    return this.#kernel.compiled.bind([...this.#table.buffers, ids, embeds]);
  }

  /** Records the lookup of one id with a bind group from `bind`. */
  record(group: GPUBindGroup): void {
    this.#context.stream.dispatch(this.#kernel.compiled, group, [this.#kernel.groups, 1]);
  }

  /** Frees the table, unless the head still uses it. */
  dispose(): void {
    this.#weights.release();
    this.#ids?.destroy();
  }

  #upload(ids: BigInt64Array<ArrayBuffer>): GPUBuffer {
    const { device, stream } = this.#context;
    stream.submit(); // recorded work may still read the previous ids
    if (this.#ids === null || this.#ids.size < ids.byteLength) {
      this.#ids?.destroy();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      this.#ids = device.createBuffer({ label: 'ids', size: Math.max(LEAST_ID_BYTES, ids.byteLength), usage });
    }
    device.queue.writeBuffer(this.#ids, 0, ids);
    return this.#ids;
  }
}
