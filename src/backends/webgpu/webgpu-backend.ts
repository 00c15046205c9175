/** A model by kernels of our own on a WebGPU device, its weights read out of the model folder's graphs. No graph runs. */
import type { Backend } from '../../engine/backend.ts';
import { activationsOf, type GraphName, type VariantName } from '../../model/manifest.ts';
import type { ModelFolder } from '../../architectures/model-folder.ts';
import type { LoadEvent } from '../../protocol/events.ts';
import { NamedError } from '../../shared/errors.ts';
import { createContext, type KernelContext } from './context.ts';
import { openDecoder } from './decoder/open-decoder.ts';
import { WebGpuTextModel } from './decoder/text-model.ts';
import { TokenEmbedding } from './decoder/token-embedding.ts';
import type { KernelTime } from './gpu/command-stream.ts';
import type { KernelDescription } from './gpu/compiler.ts';
import type { Tuning } from './gpu/tuning.ts';
import { WebGpuVisionModel } from './vision/vision-model.ts';
import { readStoredPart, type StoredPart } from './weights/stored-part.ts';

/** What a backend is opened from. */
export interface WebGpuBackendOptions {
  /** The backend destroys it with itself; when opening fails, that is left to the caller. */
  readonly device: GPUDevice;
  readonly folder: Pick<ModelFolder, 'manifest' | 'model' | 'blob'>;
  /** The graphs whose weights it reads. */
  readonly variant: VariantName;
  readonly tuning: Tuning;
  readonly onEvent: (event: LoadEvent) => void;
}

/** The backend, whose kernels can be looked at and timed. */
export interface WebGpuBackend extends Backend {
  /** Every kernel it has compiled, with its source and why it is this one. */
  describe(): readonly KernelDescription[];
  /** Times every kernel while `work` runs; empty where the device has no timestamps. Timing slows the work. */
  time<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly times: ReadonlyMap<string, KernelTime> }>;
}

/** What can be freed. */
interface Disposable {
  dispose(): void;
}

/** The parts of a model, in the order in which they are opened. */
const PARTS = ['vision_encoder', 'embed_tokens', 'decoder'] as const satisfies readonly GraphName[];

/**
 * Opens one part of the model after the other; a part's kernels compile and are tested while its weights load.
 * @throws NumericCheckError when the device computes wrongly
 * @throws RuntimeUnavailableError when a weight is laid out in an unknown way, or the device cannot hold or compile something
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
  const read = partReader(folder, variant);
  const opened: Disposable[] = [];
  const open = async <T extends Disposable>(
    part: (typeof PARTS)[number],
    make: (context: KernelContext, stored: StoredPart) => Promise<T>,
  ): Promise<T> => {
    const loaded = PARTS.indexOf(part);
    onEvent({ type: 'loadProgress', phase: 'compile', loaded, total: PARTS.length, detail: part });
    const made = await make(context, await read(part));
    opened.push(made);
    return made;
  };
  try {
    const visionModel = await open('vision_encoder', WebGpuVisionModel.open);
    const embedding = await open('embed_tokens', TokenEmbedding.open);
    const { run } = await open('decoder', openDecoder);
    return new KernelBackend(context, visionModel, new WebGpuTextModel({ context, embedding, run }), opened);
  } catch (thrown) {
    for (const part of opened) part.dispose();
    throw thrown;
  }
}

class KernelBackend implements WebGpuBackend {
  readonly vision: WebGpuVisionModel;
  readonly text: WebGpuTextModel;
  readonly leavesThreadFree = true;
  readonly #context: KernelContext;
  readonly #parts: readonly Disposable[];

  constructor(context: KernelContext, vision: WebGpuVisionModel, text: WebGpuTextModel, parts: readonly Disposable[]) {
    this.vision = vision;
    this.text = text;
    this.#context = context;
    this.#parts = parts;
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
    for (const part of this.#parts) part.dispose();
    this.#context.device.destroy();
  }
}

/** Reads the parts of a variant. Throws ModelFolderError when the folder lacks it. */
function partReader(
  folder: WebGpuBackendOptions['folder'],
  name: VariantName,
): (part: GraphName) => Promise<StoredPart> {
  const { manifest } = folder;
  const graphs = manifest.variants.find((candidate) => candidate.name === name)?.graphs;
  if (graphs === undefined) {
    throw new NamedError(
      'ModelFolderError',
      `${manifest.name} (${manifest.dtype}) has no ${name} graphs. Convert it with another --dtype.`,
    );
  }
  return (part) => {
    const { file, data } = graphs[part];
    const files = data.map((path) => ({ path, blob: folder.blob(path) }));
    return readStoredPart(folder.blob(file), files);
  };
}
