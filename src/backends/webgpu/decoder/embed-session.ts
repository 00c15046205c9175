/** The embedding lookup as a session: `input_ids` i64 `[1, n]`, on the host or the device, to `inputs_embeds` `[1, n, hidden]`. */
import { EMBED_TOKENS } from '../../../onnx/graph-names.ts';
import type { Session, SessionFiles, Tensor } from '../../onnx/runtime.ts';
import { deviceBuffer } from '../gpu/device-tensors.ts';
import type { KernelContext } from '../context.ts';
import { loadMatrix } from '../weights/loaded-matrix.ts';
import { readExternalWeights } from '../weights/onnx-initializers.ts';
import { embeddingTable } from './decoder-weights.ts';
import { embedKernel } from '../rows/text-rows.ts';

type Tensors = Readonly<Record<string, Tensor>>;
type Outputs = Readonly<Record<string, Tensor | null>>;

/**
 * Loads the table and compiles the kernel.
 * @throws RuntimeUnavailableError when the table is laid out in an unknown way or the device cannot hold it
 */
export async function openEmbedSession(parts: KernelContext, files: SessionFiles): Promise<Session> {
  const { runtime, model, compiler, stream } = parts;
  const { device } = runtime;
  const { hiddenSize } = model.text;
  const stored = embeddingTable(readExternalWeights(new Uint8Array(await files.graph.arrayBuffer())), model.text);
  const weights = parts.weights.open(files);
  const load = async () => {
    const table = await loadMatrix(weights, stored);
    const { kernel, groups } = embedKernel(table.format, model.activations);
    return { table, groups, compiled: await compiler.compile(kernel) };
  };
  const { table, groups, compiled } = await load().catch((thrown: unknown) => {
    weights.release();
    throw thrown;
  });
  let idsBuffer: GPUBuffer | null = null;

  const uploadIds = (ids: BigInt64Array<ArrayBuffer>): GPUBuffer => {
    stream.submit(); // what is recorded may read the ids before
    if (idsBuffer === null || idsBuffer.size < ids.byteLength) {
      idsBuffer?.destroy();
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      idsBuffer = device.createBuffer({ label: 'ids', size: Math.max(256, ids.byteLength), usage });
    }
    device.queue.writeBuffer(idsBuffer, 0, ids);
    return idsBuffer;
  };

  /** Records the lookup. */
  const bind = (feeds: Tensors, outputs: Outputs): (() => Promise<Tensors>) => {
    const ids = feeds[EMBED_TOKENS.inputIds];
    if (ids === undefined) throw new TypeError(`${EMBED_TOKENS.inputIds} is missing`);
    const count = ids.dims[1] ?? 0;
    const given = outputs[EMBED_TOKENS.inputsEmbeds] ?? null;
    const onDevice = runtime.bufferOf(ids);
    let group: GPUBindGroup | null = null;
    return async () => {
      const type = model.activations === 'f16' ? 'float16' : 'float32';
      const embeds = given ?? runtime.allocate(type, [1, count, hiddenSize]);
      if (group === null || given === null || onDevice === null) {
        const data = onDevice === null ? BigInt64Array.from(runtime.dataOf(ids), BigInt) : null;
        const idsAt = data === null ? onDevice : uploadIds(data);
        if (idsAt === null) throw new TypeError(`${EMBED_TOKENS.inputIds} lies nowhere`);
        group = compiled.bind([...table.buffers, idsAt, deviceBuffer(runtime, embeds, EMBED_TOKENS.inputsEmbeds)]);
      }
      stream.dispatch(compiled, group, [groups, count]);
      return { [EMBED_TOKENS.inputsEmbeds]: embeds };
    };
  };
  return {
    async run(feeds, outputs) {
      const results = await bind(feeds, outputs)();
      stream.submit();
      return results;
    },
    // A repeated lookup waits for the decoder's dispatches, and is submitted with them.
    bind,
    async release() {
      weights.release();
      idsBuffer?.destroy();
    },
  };
}
