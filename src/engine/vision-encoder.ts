/** Runs the vision encoder: one preprocessed image in, its features out. Window plans are kept per grid size. */
import type { Geometry } from '../model/geometry.ts';
import { VISION_ENCODER as NAMES } from '../model/graph-names.ts';
import type { Activations } from '../model/manifest.ts';
import type { Runtime, Session, Tensor } from '../runtime/session.ts';
import { messageOf, NamedError } from '../shared/errors.ts';
import { asActivations } from './positions.ts';
import { planWindows, type WindowPlan } from './windows.ts';

/** How many grids' plans are kept. */
const KEPT_PLANS = 8;

/** The vision tower with its session. */
export class VisionEncoder {
  readonly #runtime: Runtime;
  readonly #session: Session;
  readonly #vision: Geometry['vision'];
  readonly #activations: Activations;
  readonly #plans = new Map<string, WindowPlan>();

  constructor(runtime: Runtime, session: Session, geometry: Geometry, activations: Activations) {
    this.#runtime = runtime;
    this.#session = session;
    this.#vision = geometry.vision;
    this.#activations = activations;
  }

  /**
   * Encodes `pixelValues` `[gridHeight * gridWidth, 1176]` (Hugging Face order) into features `[1, tokens, hidden]`,
   * tokens = gridHeight * gridWidth / 4. The caller disposes the result. Throws ImageTooLargeError where a CPU has no room for it,
   * whatever the runtime throws otherwise.
   */
  async encode(pixelValues: Float32Array, gridHeight: number, gridWidth: number): Promise<Tensor> {
    const plan = this.#plan(gridHeight, gridWidth);
    const patches = gridHeight * gridWidth;
    const groups = plan.windowIndex.length;
    const half = this.#vision.headDim / 2;
    const { windows, windowPatches } = plan;
    const floatType = this.#activations === 'f16' ? 'float16' : 'float32';
    const floats = (values: Float32Array, dims: readonly number[]): Tensor =>
      this.#runtime.tensor(floatType, asActivations(values, this.#activations), dims);
    const integers = (values: BigInt64Array, dims: readonly number[]): Tensor =>
      this.#runtime.tensor('int64', values, dims);
    const running = this.#session.run(
      {
        [NAMES.pixelValues]: this.#runtime.tensor('float32', pixelValues, [patches, pixelValues.length / patches]),
        [NAMES.windowIndex]: integers(plan.windowIndex, [groups]),
        [NAMES.reverseIndex]: integers(plan.reverseIndex, [groups]),
        [NAMES.cos]: floats(plan.cos, [patches, half]),
        [NAMES.sin]: floats(plan.sin, [patches, half]),
        [NAMES.windowRows]: integers(plan.windowRows, [windows, windowPatches]),
        [NAMES.windowSlots]: integers(plan.windowSlots, [patches]),
        [NAMES.attentionBias]: floats(plan.attentionBias, [windows, 1, windowPatches, windowPatches]),
      },
      { [NAMES.imageFeatures]: null },
    );
    const results = await running.catch((thrown: unknown) => {
      // A device that fails may have been lost, which others find out. On a CPU it is the size: onnxruntime's attention counts in 32 bits.
      throw this.#runtime.staticCache ? thrown : this.#tooLarge(gridHeight, gridWidth, thrown);
    });
    const features = results[NAMES.imageFeatures];
    if (features === undefined) throw new Error(`the vision encoder returned no ${NAMES.imageFeatures}`);
    return features;
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

  #plan(gridHeight: number, gridWidth: number): WindowPlan {
    const key = `${gridHeight}x${gridWidth}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = planWindows(this.#vision, gridHeight, gridWidth);
    const [oldest] = this.#plans.keys();
    if (this.#plans.size >= KEPT_PLANS && oldest !== undefined) this.#plans.delete(oldest);
    this.#plans.set(key, plan);
    return plan;
  }
}
