/** The vision tower through its ONNX graph: one preprocessed image in, its features out. Window plans are kept per grid size. */
import { planWindows } from '../../architectures/qwen2_5_vl/window-plan.ts';
import type { VisionModel } from '../../engine/backend.ts';
import type { PreprocessedImage } from '../../image/patchify.ts';
import type { Activations } from '../../model/manifest.ts';
import type { ModelConfig } from '../../model/model-config.ts';
import { VISION_ENCODER as NAMES } from '../../onnx/graph-names.ts';
import { messageOf, NamedError } from '../../shared/errors.ts';
import { activationType, asActivations } from './activations.ts';
import { TensorFeatures } from './image-features.ts';
import { outputOf } from './outputs.ts';
import type { Runtime, Session, Tensor, Tensors } from './runtime.ts';
import { padWindows, type PaddedWindows } from './window-padding.ts';

/** How many grids' plans are kept. */
const KEPT_PLANS = 8;

/** What depends on the size of a grid alone. */
interface GridPlan extends PaddedWindows {
  /** `[patches, headDim / 2]`, in window order. */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** The vision tower with its session. */
export class OnnxVisionModel implements VisionModel {
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #vision: ModelConfig['vision'];
  readonly #activations: Activations;
  readonly #plans = new Map<string, GridPlan>();

  constructor(runtime: Runtime, session: Session, geometry: ModelConfig, activations: Activations) {
    this.#runtime = runtime;
    this.#session = session;
    this.#vision = geometry.vision;
    this.#activations = activations;
  }

  /**
   * Encodes an image into features of patches / 4 tokens. The caller disposes the result. Throws ImageTooLargeError where a
   * CPU has no room for it, whatever the runtime throws otherwise.
   */
  async encode(image: PreprocessedImage): Promise<TensorFeatures> {
    const [, gridHeight, gridWidth] = image.gridThw;
    const feeds = this.#feeds(image, this.#plan(gridHeight, gridWidth));
    const running = this.#session.run(feeds, { [NAMES.imageFeatures]: null });
    const results = await running.catch((thrown: unknown) => {
      // A failing device may have been lost, which its owner reports. On a CPU the size is to blame: onnxruntime's attention counts in 32 bits.
      throw this.#runtime.kind === 'device' ? thrown : this.#tooLarge(gridHeight, gridWidth, thrown);
    });
    return new TensorFeatures(outputOf(results, NAMES.imageFeatures));
  }

  /** What the graph is fed. */
  #feeds({ gridThw, pixelValues }: PreprocessedImage, plan: GridPlan): Tensors {
    const patches = gridThw[1] * gridThw[2];
    const groups = plan.windowIndex.length;
    const half = this.#vision.headDim / 2;
    const { windows, windowPatches } = plan;
    const type = activationType(this.#activations);
    const tensor = this.#runtime.tensor.bind(this.#runtime);
    const floats = (values: Float32Array, dims: readonly number[]): Tensor =>
      tensor(type, asActivations(values, this.#activations), dims);
    const integers = (values: BigInt64Array, dims: readonly number[]): Tensor => tensor('int64', values, dims);
    const pixels = pixelValues();
    return {
      [NAMES.pixelValues]: tensor('float32', pixels, [patches, pixels.length / patches]),
      [NAMES.windowIndex]: integers(plan.windowIndex, [groups]),
      [NAMES.reverseIndex]: integers(plan.reverseIndex, [groups]),
      [NAMES.cos]: floats(plan.cos, [patches, half]),
      [NAMES.sin]: floats(plan.sin, [patches, half]),
      [NAMES.windowRows]: integers(plan.windowRows, [windows, windowPatches]),
      [NAMES.windowSlots]: integers(plan.windowSlots, [patches]),
      [NAMES.attentionBias]: floats(plan.attentionBias, [windows, 1, windowPatches, windowPatches]),
    };
  }

  #tooLarge(gridHeight: number, gridWidth: number, cause: unknown): NamedError {
    const [height, width] = [gridHeight, gridWidth].map((patches) => patches * this.#vision.patchSize);
    return new NamedError(
      'ImageTooLargeError',
      `This machine's CPU cannot encode ${width} × ${height} pixels at once with this model. Set a lower pixel budget, start at half resolution, ` +
        `or use a browser with WebGPU (${messageOf(cause)}).`,
      { cause },
    );
  }

  #plan(gridHeight: number, gridWidth: number): GridPlan {
    const key = `${gridHeight}x${gridWidth}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const windows = planWindows(this.#vision, gridHeight, gridWidth);
    const plan = { cos: windows.cos, sin: windows.sin, ...padWindows(windows) };
    const [oldest] = this.#plans.keys();
    if (this.#plans.size >= KEPT_PLANS && oldest !== undefined) this.#plans.delete(oldest);
    this.#plans.set(key, plan);
    return plan;
  }
}
