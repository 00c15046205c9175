/** The vision tower through its ONNX graph: one preprocessed image in, its features out. What its graph is fed of a grid is cached by size. */
import type { ModelDefinition, VisionInput, VisionInputs } from '../../architectures/architecture.ts';
import type { VisionModel } from '../../engine/backend.ts';
import type { PreprocessedImage } from '../../image/patchify.ts';
import type { Activations } from '../../model/manifest.ts';
import { VISION_ENCODER as NAMES, VISION_KERNELS } from '../../onnx/graph-names.ts';
import { messageOf, NamedError } from '../../shared/errors.ts';
import { activationType, asActivations } from './activations.ts';
import { TensorFeatures } from './image-features.ts';
import { outputOf } from './outputs.ts';
import type { Runtime, Session, Tensor } from './runtime.ts';

/** Grids whose inputs are cached. */
const CACHED_GRIDS = 8;

/** What the vision model is made with. */
export interface VisionGraph {
  readonly runtime: Runtime;
  readonly session: Session;
  readonly model: Pick<ModelDefinition, 'config' | 'visionInputs'>;
  readonly activations: Activations;
}

type Makers = Readonly<Record<string, () => Tensor>>;

/** Throws TypeError for an input that nobody makes. */
function makerOf(makers: Makers, name: string): () => Tensor {
  const maker = makers[name];
  if (maker === undefined) throw new TypeError(`the vision encoder is fed no ${name}`);
  return maker;
}

/** The vision tower with its session. */
export class OnnxVisionModel implements VisionModel {
  readonly #graph: VisionGraph;
  readonly #inputs = new Map<string, VisionInputs>();

  constructor(graph: VisionGraph) {
    this.#graph = graph;
  }

  /**
   * Encodes an image into features, a row a visual token. The caller disposes the result. Throws ImageTooLargeError where a
   * CPU has no room for it, whatever the runtime throws otherwise.
   */
  async encode(image: PreprocessedImage): Promise<TensorFeatures> {
    const [, gridHeight, gridWidth] = image.gridThw;
    const { runtime, session } = this.#graph;
    const inputs = this.#inputsOf(gridHeight, gridWidth);
    const makers = this.#makers(image, inputs);
    const wanted = session.wants ?? [NAMES.pixelValues, ...Object.keys(inputs)];
    const feeds = Object.fromEntries(wanted.map((name) => [name, makerOf(makers, name)()]));
    const running = session.run(feeds, { [NAMES.imageFeatures]: null });
    const results = await running.catch((thrown: unknown) => {
      // A failing device may have been lost, which its owner reports. On a CPU the size is to blame: onnxruntime's attention counts in 32 bits.
      throw runtime.kind === 'device' ? thrown : this.#tooLarge(gridHeight, gridWidth, thrown);
    });
    return new TensorFeatures(outputOf(results, NAMES.imageFeatures));
  }

  /** What makes each input that a session may want, so that none is made in vain. */
  #makers({ gridThw, seen, normalised, pixelValues }: PreprocessedImage, inputs: VisionInputs): Makers {
    const { runtime, activations } = this.#graph;
    const patches = gridThw[1] * gridThw[2];
    const tensor = runtime.tensor.bind(runtime);
    const type = activationType(activations);
    const makers: Record<string, () => Tensor> = {
      [NAMES.pixelValues]: () => {
        const values = pixelValues();
        return tensor('float32', values, [patches, values.length / patches]);
      },
      [VISION_KERNELS.pixels]: () => tensor('uint8', seen.data, [seen.height, seen.width, 3]),
      [VISION_KERNELS.normalised]: () => tensor('float32', normalised, [3, 256]),
    };
    for (const [name, { values, dims }] of Object.entries(inputs)) {
      makers[name] = () =>
        values instanceof Float32Array
          ? tensor(type, asActivations(values, activations), dims)
          : tensor('int64', values, dims);
    }
    const f32 =
      ({ values, dims }: VisionInput) =>
      (): Tensor =>
        tensor('float32', values, dims);
    const { [NAMES.cos]: cos, [NAMES.sin]: sin } = inputs;
    if (cos !== undefined) makers[VISION_KERNELS.cos] = f32(cos);
    if (sin !== undefined) makers[VISION_KERNELS.sin] = f32(sin);
    return makers;
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
