/** The vision tower through its ONNX graph: one preprocessed image in, its features out. The graph's inputs for a grid are cached by size. */
import type { ModelDefinition, VisionInputs } from '../../architectures/architecture.ts';
import type { VisionModel } from '../../engine/backend.ts';
import type { PreprocessedImage } from '../../image/patchify.ts';
import type { Activations } from '../../model/manifest.ts';
import { VISION_ENCODER as NAMES } from '../../onnx/graph-names.ts';
import { messageOf, NamedError } from '../../shared/errors.ts';
import { activationType, asActivations } from './activations.ts';
import { TensorFeatures } from './image-features.ts';
import { elementBytes } from './ort-tensors.ts';
import { outputOf } from './outputs.ts';
import type { Runtime, Session, Tensor, Tensors } from './runtime.ts';

/** Grids whose inputs are cached. */
const CACHED_GRIDS = 8;

/** What the vision model runs on. */
export interface VisionGraph {
  readonly runtime: Runtime;
  readonly session: Session;
  readonly model: Pick<ModelDefinition, 'config' | 'visionInputs'>;
  readonly activations: Activations;
}

/** The vision tower with its session. */
export class OnnxVisionModel implements VisionModel {
  readonly #graph: VisionGraph;
  readonly #inputs = new Map<string, VisionInputs>();

  constructor(graph: VisionGraph) {
    this.#graph = graph;
  }

  get bytesPerToken(): number {
    const { model, activations } = this.#graph;
    return model.config.vision.outHiddenSize * elementBytes(activationType(activations));
  }

  /**
   * Encodes an image into features, one row per visual token. The caller disposes the result. Throws ImageTooLargeError where a
   * CPU lacks the memory for it; other errors of the runtime pass through.
   */
  async encode(image: PreprocessedImage): Promise<TensorFeatures> {
    const [, gridHeight, gridWidth] = image.gridThw;
    const { runtime, session } = this.#graph;
    const inputs = this.#inputsOf(gridHeight, gridWidth);
    const feeds = this.#feeds(image, inputs);
    const running = session.run(feeds, { [NAMES.imageFeatures]: null });
    const results = await running.catch((thrown: unknown) => {
      // A failing device may be lost, which its owner reports. On a CPU the size is the cause: onnxruntime's attention indexes with 32 bits.
      throw runtime.kind === 'device' ? thrown : this.#tooLarge(gridHeight, gridWidth, thrown);
    });
    const settled = async (): Promise<void> => (runtime.kind === 'device' ? runtime.settled() : undefined);
    return new TensorFeatures(outputOf(results, NAMES.imageFeatures), settled);
  }

  /** The inputs of the graph: the patches, and the architecture's inputs for their grid. */
  #feeds({ gridThw, pixelValues }: PreprocessedImage, inputs: VisionInputs): Tensors {
    const { runtime, activations } = this.#graph;
    const patches = gridThw[1] * gridThw[2];
    const pixels = pixelValues();
    const type = activationType(activations);
    const feeds: Record<string, Tensor> = {
      [NAMES.pixelValues]: runtime.tensor('float32', pixels, [patches, pixels.length / patches]),
    };
    for (const [name, { values, dims }] of Object.entries(inputs)) {
      feeds[name] =
        values instanceof Float32Array
          ? runtime.tensor(type, asActivations(values, activations), dims)
          : runtime.tensor('int64', values, dims);
    }
    return feeds;
  }

  #tooLarge(gridHeight: number, gridWidth: number, cause: unknown): NamedError {
    const [height, width] = [gridHeight, gridWidth].map(
      (patches) => patches * this.#graph.model.config.vision.patchSize,
    );
    return new NamedError(
      'ImageTooLargeError',
      `This machine's CPU cannot encode ${width} × ${height} pixels at once with this model. Set a lower pixel budget, start at half resolution, ` +
        `or use a browser with WebGPU (${messageOf(cause)}).`,
      { cause },
    );
  }

  #inputsOf(height: number, width: number): VisionInputs {
    const key = `${height}x${width}`;
    const cached = this.#inputs.get(key);
    if (cached !== undefined) return cached;
    const inputs = this.#graph.model.visionInputs({ height, width });
    const [oldest] = this.#inputs.keys();
    if (this.#inputs.size >= CACHED_GRIDS && oldest !== undefined) this.#inputs.delete(oldest);
    this.#inputs.set(key, inputs);
    return inputs;
  }
}
