/** A backend of our own kernels on a WebGPU device. It reads the weights from the model folder's graphs, but runs no graph. */
import type { Backend } from '../../engine/backend.ts';
import { activationsOf, type GraphName, type VariantName } from '../../model/manifest.ts';
import type { ModelFolder } from '../../architectures/model-folder.ts';
import type { LoadEvent } from '../../protocol/events.ts';
import { NamedError } from '../../shared/errors.ts';
import { embeddingCases } from './cases/text-rows-cases.ts';
import { createContext, type KernelContext } from './context.ts';
import { openDecoder } from './decoder/open-decoder.ts';
import { WebGpuTextModel } from './decoder/text-model.ts';
import { TokenEmbedding } from './decoder/token-embedding.ts';
import type { KernelTime } from './gpu/command-stream.ts';
import type { KernelDescription } from './gpu/compiler.ts';
import { selfTestCases } from './self-test/rows-test.ts';
import type { Tuning } from './gpu/tuning.ts';
import { WebGpuVisionModel } from './vision/vision-model.ts';
import { readStoredGraph, type StoredGraph } from './weights/stored-graph.ts';

/** What to open a backend from. */
export interface WebGpuBackendOptions {
  /** Owned and destroyed by the backend; if opening fails, the caller destroys it. */
  readonly device: GPUDevice;
  readonly folder: Pick<ModelFolder, 'manifest' | 'model' | 'blob'>;
  /** The graphs whose weights it reads. */
  readonly variant: VariantName;
  readonly tuning: Tuning;
  readonly onEvent: (event: LoadEvent) => void;
}

/** A backend whose kernels can be inspected and timed. */
export interface WebGpuBackend extends Backend {
  /** Every compiled kernel, with its source and the choices behind it. */
  describe(): readonly KernelDescription[];
  /** Times every kernel while `work` runs; empty if the device has no timestamps. Timing slows the work. */
  time<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }>;
}

/** Something to free. */
interface Disposable {
  dispose(): void;
}

/** The graphs of a model, in the order in which they are opened. */
const OPENED_GRAPHS = ['vision_encoder', 'embed_tokens', 'decoder'] as const satisfies readonly GraphName[];

/**
 * Opens the graphs of the model one after the other; kernels are compiled and self-tested while the weights load.
 * @throws NumericCheckError when the device computes wrongly
 * @throws RuntimeUnavailableError when a weight has an unknown layout, or the device cannot hold a weight or compile a kernel
 * @throws ModelFolderError when the folder lacks the variant
 */
export async function openWebGpuBackend(options: WebGpuBackendOptions): Promise<WebGpuBackend> {
  const { device, folder, variant, tuning, onEvent } = options;
  const { kernels, modelType } = folder.model;
  if (kernels === undefined) {
    throw new NamedError(
      'RuntimeUnavailableError',
      `There are no kernels of our own for the architecture ${modelType}. Its graphs run on onnxruntime.`,
    );
  }
  const context = createContext(device, { ...kernels, activations: activationsOf(variant) }, tuning);
  const read = weightReader(folder, variant);
  const opened: Disposable[] = [];
  const open = async <T extends Disposable>(
    graph: (typeof OPENED_GRAPHS)[number],
    make: (context: KernelContext, stored: StoredGraph) => Promise<T>,
  ): Promise<T> => {
    const loaded = OPENED_GRAPHS.indexOf(graph);
    onEvent({ type: 'loadProgress', phase: 'compile', loaded, total: OPENED_GRAPHS.length, detail: graph });
    const made = await make(context, await read(graph));
    opened.push(made);
    return made;
  };
  try {
    const visionModel = await open('vision_encoder', WebGpuVisionModel.open);
    const embedding = await open('embed_tokens', TokenEmbedding.open);
    await selfTestCases(context.compiler, embeddingCases(embedding.format));
    const { run } = await open('decoder', openDecoder);
    return new KernelBackend(context, visionModel, new WebGpuTextModel({ context, embedding, run }), opened);
  } catch (thrown) {
    for (const graph of opened) graph.dispose();
    throw thrown;
  }
}

class KernelBackend implements WebGpuBackend {
  readonly vision: WebGpuVisionModel;
  readonly text: WebGpuTextModel;
  readonly leavesThreadFree = true;
  readonly #context: KernelContext;
  readonly #opened: readonly Disposable[];

  constructor(context: KernelContext, vision: WebGpuVisionModel, text: WebGpuTextModel, opened: readonly Disposable[]) {
    this.vision = vision;
    this.text = text;
    this.#context = context;
    this.#opened = opened;
  }

  notes(): readonly string[] {
    return [this.#context.compiler.subgroupMatrices.describe()];
  }

  describe(): readonly KernelDescription[] {
    return this.#context.compiler.describe();
  }

  async time<T>(
    work: () => Promise<T>,
  ): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }> {
    const { stream } = this.#context;
    stream.startTiming();
    let result: T;
    try {
      result = await work();
    } catch (thrown) {
      await stream.stopTiming();
      throw thrown;
    }
    return { result, times: await stream.stopTiming() };
  }

  async dispose(): Promise<void> {
    for (const graph of this.#opened) graph.dispose();
    this.#context.device.destroy();
  }
}

/** Reads the graphs of a variant. Throws ModelFolderError when the folder lacks it. */
function weightReader(
  folder: WebGpuBackendOptions['folder'],
  name: VariantName,
): (graph: GraphName) => Promise<StoredGraph> {
  const { manifest } = folder;
  const graphs = manifest.variants.find((candidate) => candidate.name === name)?.graphs;
  if (graphs === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no ${name} graphs. Convert it with another --dtype.`,
    );
  }
  return (graph) => {
    const { file, data } = graphs[graph];
    const files = data.map((path) => ({ path, blob: folder.blob(path) }));
    return readStoredGraph(folder.blob(file), files);
  };
}
