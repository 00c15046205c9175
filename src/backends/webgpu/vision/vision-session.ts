/**
 * The vision encoder as a session (names: src/onnx/graph-names.ts). In place of patches it takes the image, which is a tenth of
 * the bytes, and of what else a graph is fed only the order of windows and their rows, which say all of it.
 */
import { VISION_ENCODER as NAMES, VISION_KERNELS } from '../../../onnx/graph-names.ts';
import type { VisionConfig } from '../../../model/vision-config.ts';
import type { Session, SessionFiles, Tensor } from '../../onnx/runtime.ts';
import { NamedError } from '../../../shared/errors.ts';
import { deviceBuffer } from '../gpu/device-tensors.ts';
import type { KernelContext } from '../context.ts';
import { traitsOf } from '../gpu/device-traits.ts';
import { loadVision, visionFormats } from './loaded-vision.ts';
import { readExternalWeights } from '../weights/onnx-initializers.ts';
import { selfTestVision } from '../self-test/vision-test.ts';
import { compileVision, type VisionKernels } from './vision-kernels.ts';
import { type VisionInput, VisionRun } from './vision-run.ts';
import { windowSpans } from './attention-spans.ts';
import { visionWeights } from './vision-weights.ts';

type Tensors = Readonly<Record<string, Tensor>>;
type Outputs = Readonly<Record<string, Tensor | null>>;

/**
 * Loads the weights, compiles the kernels and checks them.
 * @throws NumericCheckError when the device computes wrongly
 * @throws RuntimeUnavailableError when a weight is laid out in an unknown way, or the device cannot hold or compile something
 */
export async function openVisionSession(parts: KernelContext, files: SessionFiles): Promise<Session> {
  const { model, tuning, compiler, stream, runtime } = parts;
  const { vision, activations } = model;
  const { limits } = runtime.device;
  checkSizes(vision);
  const stored = visionWeights(readExternalWeights(new Uint8Array(await files.graph.arrayBuffer())), vision);
  const formats = visionFormats(stored);
  const weights = parts.weights.open(files);
  const compile = async (): Promise<VisionKernels> => {
    const target = { traits: traitsOf(runtime.device), tuning };
    const compiling = compileVision(compiler, formats, { vision, stored: activations, target });
    await selfTestVision(parts, formats, compiling);
    return compiling;
  };
  let run: VisionRun;
  try {
    // Kernels compile while weights are on their way.
    const [loaded, kernels] = await Promise.all([loadVision(weights, stored), compile()]);
    run = new VisionRun(parts, loaded, kernels, formats);
  } catch (thrown) {
    weights.release();
    throw thrown;
  }

  const encode = async (feeds: Tensors, outputs: Outputs): Promise<Tensors> => {
    const image = readImage(parts, feeds, run.queries);
    if (image.patches > limits.maxComputeWorkgroupsPerDimension) {
      const most = limits.maxComputeWorkgroupsPerDimension;
      throw new NamedError(
        'RuntimeUnavailableError',
        `The image has ${image.patches} patches, the device takes ${most} at once.`,
      );
    }
    const dims = [1, image.windowIndex.length, vision.outHiddenSize];
    const type = activations === 'f16' ? 'float16' : 'float32';
    const features = outputs[NAMES.imageFeatures] ?? runtime.allocate(type, dims);
    run.record(image, deviceBuffer(runtime, features, NAMES.imageFeatures));
    stream.submit();
    run.submitted();
    return { [NAMES.imageFeatures]: features };
  };
  return {
    wants: [...Object.values(VISION_KERNELS), NAMES.windowIndex, NAMES.windowRows],
    run: encode,
    bind: (feeds, outputs) => () => encode(feeds, outputs),
    async release() {
      run.dispose();
      weights.release();
    },
  };
}

/** Throws RuntimeUnavailableError for sizes that the kernels' rows cannot have. */
function checkSizes({ hiddenSize, outHiddenSize }: VisionConfig): void {
  if (hiddenSize % 8 === 0 && outHiddenSize % 2 === 0) return;
  throw new NamedError(
    'RuntimeUnavailableError',
    `The kernels want a vision tower whose width is a multiple of 8 and gives features of an even one, not ${hiddenSize} and ${outHiddenSize}.`,
  );
}

/** What the session is fed, in the types that the kernels read. All of it lies on the host. */
function readImage({ runtime, model }: KernelContext, feeds: Tensors, queries: number): VisionInput {
  const feed = (name: string): Tensor => {
    const tensor = feeds[name];
    if (tensor === undefined) throw new TypeError(`${name} is missing`);
    return tensor;
  };
  const floats = (name: string): Float32Array => {
    const data = runtime.dataOf(feed(name));
    if (data instanceof Float32Array) return data;
    throw new TypeError(`${name} holds no f32 numbers`);
  };
  const windowRows = feed(NAMES.windowRows);
  const rows = runtime.dataOf(windowRows);
  const pixels = runtime.dataOf(feed(VISION_KERNELS.pixels));
  if (!(pixels instanceof Uint8Array)) throw new TypeError(`${VISION_KERNELS.pixels} holds no 8-bit numbers`);
  const [height = 0, width = 0] = feed(VISION_KERNELS.pixels).dims;
  const { patchSize } = model.vision;
  const columns = width / patchSize;
  const patches = (height / patchSize) * columns;
  return {
    pixels: pixels as Uint8Array<ArrayBuffer>,
    normalised: floats(VISION_KERNELS.normalised),
    patches,
    columns,
    windowIndex: Uint32Array.from(runtime.dataOf(feed(NAMES.windowIndex)), Number),
    cos: floats(VISION_KERNELS.cos),
    sin: floats(VISION_KERNELS.sin),
    windowSpans: windowSpans(rows, windowRows.dims[1] ?? 0, patches, queries),
  };
}
