/** The vision tower on our kernels: one image in, its features out. The device cuts the patches, from a tenth of their bytes. */
import type { WindowPlan } from '../../../architectures/architecture.ts';
import type { VisionModel } from '../../../engine/backend.ts';
import type { PreprocessedImage } from '../../../image/patchify.ts';
import type { VisionConfig } from '../../../model/vision-config.ts';
import { NamedError } from '../../../shared/errors.ts';
import type { KernelContext } from '../context.ts';
import { activationBytes } from '../gpu/activation-buffer.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import { BufferFeatures } from '../image-features.ts';
import { selfTestVision } from '../self-test/vision-test.ts';
import type { StoredGraph } from '../weights/stored-graph.ts';
import type { WeightSet } from '../weights/weight-store.ts';
import { windowSpans } from './attention-spans.ts';
import { loadVision, visionFormats } from './loaded-vision.ts';
import { compileVision, type VisionKernels } from './vision-kernels.ts';
import { VisionRun } from './vision-run.ts';
import { visionWeights } from './vision-weights.ts';

/** Grids whose window plans are cached. */
const CACHED_PLANS = 8;

/** The vision tower with its weights. */
export class WebGpuVisionModel implements VisionModel {
  readonly #context: KernelContext;
  readonly #weights: WeightSet;
  readonly #run: VisionRun;
  readonly #plans = new Map<string, WindowPlan>();

  private constructor(context: KernelContext, weights: WeightSet, run: VisionRun) {
    this.#context = context;
    this.#weights = weights;
    this.#run = run;
  }

  /**
   * Loads the weights, compiles the kernels and self-tests them.
   * @throws NumericCheckError when the device computes wrongly
   * @throws RuntimeUnavailableError when a weight has an unknown layout, or the device cannot hold a weight or compile a kernel
   */
  static async open(context: KernelContext, { initializers, files }: StoredGraph): Promise<WebGpuVisionModel> {
    const { device, model, tuning, compiler } = context;
    const { vision, activations } = model;
    checkSizes(vision);
    const stored = visionWeights(initializers, vision);
    const formats = visionFormats(stored);
    const weights = context.weights.open(files);
    const compile = async (): Promise<VisionKernels> => {
      const target = { traits: traitsOf(device), tuning };
      const compiling = compileVision(compiler, formats, { vision, stored: activations, target });
      await selfTestVision(context, formats, compiling);
      return compiling;
    };
    try {
      // Kernels compile while the weights load.
      const [loaded, kernels] = await Promise.all([loadVision(weights, stored), compile()]);
      return new WebGpuVisionModel(context, weights, new VisionRun(context, loaded, kernels, formats));
    } catch (thrown) {
      weights.release();
      throw thrown;
    }
  }

  get bytesPerToken(): number {
    const { vision, activations } = this.#context.model;
    return vision.outHiddenSize * activationBytes(activations);
  }

  /** Submits the encoding of an image into features of patches / 4 tokens. The caller disposes the result. Throws ImageTooLargeError. */
  async encode({ gridThw, seen, normalised }: PreprocessedImage): Promise<BufferFeatures> {
    const { device, stream, model } = this.#context;
    const { vision, activations } = model;
    const [, rows, columns] = gridThw;
    const patches = rows * columns;
    const most = device.limits.maxComputeWorkgroupsPerDimension;
    if (patches > most) throw tooLarge(seen, patches, most);
    const { windowIndex, windowSizes, cos, sin } = this.#plan(rows, columns);
    const shape = { tokens: windowIndex.length, hiddenSize: vision.outHiddenSize, activations };
    const features = new BufferFeatures(device, shape);
    const spans = windowSpans(windowSizes, this.#run.queries);
    const input = { pixels: seen.data, normalised, patches, columns, windowIndex, cos, sin, windowSpans: spans };
    try {
      this.#run.record(input, features.buffer);
      stream.submit();
      this.#run.submitted();
    } catch (thrown) {
      features.dispose();
      throw thrown;
    }
    return features;
  }

  /** Frees its weights and buffers. */
  dispose(): void {
    this.#run.dispose();
    this.#weights.release();
  }

  #plan(rows: number, columns: number): WindowPlan {
    const key = `${rows}x${columns}`;
    const known = this.#plans.get(key);
    if (known !== undefined) return known;
    const plan = this.#context.model.planWindows({ height: rows, width: columns });
    const [oldest] = this.#plans.keys();
    if (this.#plans.size >= CACHED_PLANS && oldest !== undefined) this.#plans.delete(oldest);
    this.#plans.set(key, plan);
    return plan;
  }
}

/** Throws RuntimeUnavailableError for widths that the kernels do not support. */
function checkSizes({ hiddenSize, outHiddenSize }: VisionConfig): void {
  if (hiddenSize % 8 === 0 && outHiddenSize % 2 === 0) return;
  throw new NamedError(
    'RuntimeUnavailableError',
    `The kernels want a vision tower whose width is a multiple of 8 and gives features of an even one, not ${hiddenSize} and ${outHiddenSize}.`,
  );
}

function tooLarge({ width, height }: PreprocessedImage['seen'], patches: number, most: number): NamedError {
  return new NamedError(
    'ImageTooLargeError',
    `An image of ${width} × ${height} pixels has ${patches} patches, the graphics device takes ${most} at once. ` +
      'Set a lower pixel budget, or start at half resolution.',
  );
}
